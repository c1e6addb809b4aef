"""The step `shuffle`: whole rows travel, to the partition that holds their place in the new order.

Places are hashes, spread evenly, so that partitions follow from them alone. Partitions only divide the work:
the result is that of one stable sort of all rows by their places.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from cid_store.cid import CID
from codata.ops import Context, Inputs, Outputs, Params, Traced, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Stage, outputs
from codata.plan.tracing import gathered, kept
from codata.steps import GlobalStep, StepPlan, step
from codata_jobs.carried import unwrapped, wrapped

_PLACE: Final = "place"


class ShuffleParams(Params):
    """Which of the orders."""

    seed: int = Field(default=0, ge=0, lt=1 << 64, description="Another seed gives another order.")


class PlaceParams(ShuffleParams):
    """How the rows are split."""

    partitions: int = Field(ge=1)
    split: ex.Split


@op("shuffle/place", version=1, params=PlaceParams)
def place(ctx: Context, params: PlaceParams, inputs: Inputs) -> Outputs:
    """The rows of one shard with their places, by partition."""
    (shard,) = inputs["data"]
    table = ctx.table(shard)
    places = places_of(params.seed, shard, table.num_rows)
    rows = wrapped(table).add_column(0, _PLACE, pa.array(places))
    return {"out": ex.scatter(ctx, rows, ex.spread(places, params.partitions), params.split)}


@op("shuffle/merge", version=1, params=ex.Where)
def settle(ctx: Context, params: ex.Where, inputs: Inputs) -> Outputs:
    """The rows of one partition in the order of their places."""
    rows = ex.gather(ctx, inputs["files"], params)
    found = np.argsort(rows[_PLACE].to_numpy(), kind="stable")
    return {"out": ctx.put_table(ex.taken(unwrapped(rows).combine_chunks(), found))}


@place.traced
def _place_origins(
    ctx: Context, params: PlaceParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    (shard,) = inputs["data"]
    places = places_of(params.seed, shard, ctx.table(shard).num_rows)
    return kept(ex.bucket_order(ex.spread(places, params.partitions), params.split)[list(rows)], "data")


@settle.traced
def _settle_origins(
    ctx: Context, params: ex.Where, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    found = np.argsort(ex.gather(ctx, inputs["files"], params)[_PLACE].to_numpy(), kind="stable")
    moved = gathered(ctx, inputs["files"], params, found[list(rows)])
    return [Traced((origin,), (("shuffle", "moved"),)) for origin in moved]


def places_of(seed: int, shard: CID, rows: int) -> Any:
    """The 64-bit place of each row: SplitMix64's output number i+1 from a start that seed and shard give."""
    head = b"codata/shuffle/1\x00" + seed.to_bytes(8, "little") + shard.binary
    start = np.uint64(int.from_bytes(hashlib.sha256(head).digest()[:8], "big"))
    with np.errstate(over="ignore"):
        z = start + np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@step
class Shuffle(GlobalStep):
    """Put all rows in a random order that anyone can compute again.

    Rule: row i (from 0) of a shard has as its place the output number i+1 of SplitMix64 started at the first
    8 bytes, big-endian, of SHA-256("codata/shuffle/1" 00 ‖ seed as 8 bytes little-endian ‖ the shard's binary
    CID). Rows are sorted by place, equal places in dataset order. The input is sealed, so that the order
    depends on the rows and their order alone. Source: SplitMix64 as published by Steele, Lea and Flood,
    OOPSLA 2014.
    """

    name = "shuffle"
    version = 1
    params = ShuffleParams
    sealed_input = True

    def schema(self, params: ShuffleParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema."""
        return {"out": schemas["data"]}

    def plan(
        self, params: ShuffleParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Rows to the partitions of their places, partitions sorted."""
        data = inputs["data"]
        if not data.parts:
            return {"out": data}
        layout = ex.Layout.of(ex.partitions(data.size), len(data.parts))
        asked = PlaceParams(seed=params.seed, partitions=layout.partitions, split=layout.split())
        tasks = tuple(planner.task("shuffle/place", 1, asked, data=[p.cid]) for p in data.parts)
        results = yield Stage("shuffle: place", tasks)
        files = [o.cid for o in outputs(results)]
        slices = yield from ex.exchange(planner, self.name, files, layout)
        tasks = tuple(planner.task("shuffle/merge", 1, s.where, files=s.files) for s in slices)
        results = yield Stage("shuffle: merge", tasks)
        return {"out": Parts(data.schema, tuple(Part.of(o) for o in outputs(results) if o.rows))}
