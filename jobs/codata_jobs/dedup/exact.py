"""The step `dedup.exact`.

Only keys travel. Each part gives a partition file of key digests (`keys`); the owner of each partition sees
all equal keys together, in dataset order, and answers to each part which of its rows came later (`later`); a
part with such rows is written anew (`dedup/drop`). A part that has none goes on as it is. No task knows a
part's place in the dataset, so that new parts rename no work on old ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.plan.stage import Parts, Planner, Stage, outputs
from codata.steps import FilterParams, GlobalStep, StepPlan, need, step
from codata_jobs.dedup.drop import plan_drop
from codata_jobs.dedup.ending import Asked, out_and_dropped
from codata_jobs.keys import KEY_PREFIX, digests, encode_rows, hashes

REASON: Final = "duplicate"

_ROW_BYTES = 32
"""Of one key on its way: digest, row number, partition, origin."""

_ANSWER_BYTES = 12
"""Of one repeated row on its way back: row number, partition."""


class DedupParams(FilterParams):
    """What makes two rows duplicates."""

    on: list[str] | None = Field(
        default=None, min_length=1, description="The columns that are compared; all where left out."
    )


class KeysParams(Params):
    """Columns, and how their keys are partitioned."""

    on: list[str] | None
    partitions: int = Field(ge=1)
    split: ex.Split


class LaterParams(ex.Where):
    """What to read, and how the answers are split by part."""

    split: ex.Split


@op(
    "dedup.exact/keys",
    version=1,
    params=KeysParams,
    gives=lambda params, taken: Bulk(taken.rows, _ROW_BYTES),
)
def keys(ctx: Context, params: KeysParams, inputs: Inputs) -> Outputs:
    """Row numbers and key digests of one part, by partition."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    found = digests(encode_rows(table, params.on or table.column_names, KEY_PREFIX))
    rows = pa.table(
        {
            ex.ORIGIN: pa.array(np.zeros(len(found), np.uint32)),
            ex.ROW: pa.array(np.arange(len(found), dtype=np.uint64)),
            "key": found,
        }
    )
    return {"out": ex.scatter(ctx, rows, ex.spread(hashes(found), params.partitions), params.split)}


# At most each row is a repeated one.
@op(
    "dedup.exact/later",
    version=1,
    params=LaterParams,
    gives=lambda params, taken: Bulk(taken.rows, _ANSWER_BYTES),
)
def later(ctx: Context, params: LaterParams, inputs: Inputs) -> Outputs:
    """The rows of a partition whose key stands in an earlier row, by part."""
    rows = ex.gather(ctx, inputs["files"], params)
    codes = rows["key"].combine_chunks().dictionary_encode().indices.to_numpy()
    repeated = np.ones(len(codes), dtype=np.bool_)
    repeated[np.unique(codes, return_index=True)[1]] = False
    found = rows.select([ex.ORIGIN, ex.ROW]).filter(pa.array(repeated))
    return {"out": ex.scatter(ctx, found.select([ex.ROW]), found[ex.ORIGIN].to_numpy(), params.split)}


@step
class ExactDedup(GlobalStep):
    """Keep the first of rows that agree.

    Rule: two rows are duplicates if the bytes of their `on` columns (docs/spec/steps.md, keys) are equal,
    compared by their first 128 bits of SHA-256: nulls agree with nulls, NaN with NaN, and -0.0 differs from
    0.0. The first in dataset order stays, whatever the parts and machines; order is kept. The others' reason
    is "duplicate".
    Source: exact dedup by content hash is everywhere; elsewhere the copy that stays depends on how the data
    lie in files.
    Engines: none but Arrow.
    """

    name = "dedup.exact"
    version = 1
    params = DedupParams
    outputs = ("out", "dropped")

    def schema(self, params: DedupParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema, and that of dropped rows."""
        need(schemas["data"], params.on or [], self.name)
        return out_and_dropped(schemas["data"], self.name, params.annotate)

    def plan(
        self, params: DedupParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Keys of each part, duplicates of each partition, answers to each part, parts without them."""
        data, asked = inputs["data"], Asked(self.name, params.annotate, wanted)
        if not data.parts:
            return (yield from plan_drop(planner, asked, REASON, data, ()))
        layout = ex.Layout.of(ex.partitions(data.rows * _ROW_BYTES), len(data.parts))
        keyed = KeysParams(on=params.on, partitions=layout.partitions, split=layout.split())
        tasks = tuple(planner.task("dedup.exact/keys", 1, keyed, data=[p.cid]) for p in data.parts)
        results = yield Stage(f"{self.name}: keys", tasks)
        files = [o.cid for o in outputs(results)]
        slices = yield from ex.exchange(planner, self.name, files, layout)
        back = ex.Layout.of(len(data.parts), len(slices)).split()
        tasks = tuple(
            planner.task(
                "dedup.exact/later", 1, LaterParams(**s.where.model_dump(), split=back), files=s.files
            )
            for s in slices
        )
        results = yield Stage(f"{self.name}: duplicates", tasks)
        files = [o.cid for o in outputs(results)]
        drops = yield from ex.answers(planner, self.name, files, len(data.parts))
        return (yield from plan_drop(planner, asked, REASON, data, drops))
