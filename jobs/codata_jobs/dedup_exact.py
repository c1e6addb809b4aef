"""The step `dedup.exact`.

Only keys travel. Each part gives a partition file of key digests (`keys`); the owner of each partition sees
all equal keys together, in dataset order, and answers to each part which of its rows came later (`later`); a
part with such rows is written anew (`drop`). A part that has none goes on as it is. No task knows a part's
place in the dataset, so that new parts rename no work on old ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Stage, outputs
from codata.steps import GlobalStep, StepPlan, need, step
from codata_jobs.keys import KEY_PREFIX, digests, encode_rows, hashes

_ROW_BYTES = 32
"""Of one key on its way: digest, row number, partition, origin."""


class DedupParams(Params):
    """`on`: the columns that make two rows duplicates; None is all of them."""

    on: list[str] | None = Field(default=None, min_length=1)


class KeysParams(Params):
    """Columns, and how their keys are partitioned."""

    on: list[str] | None
    partitions: int = Field(ge=1)
    split: ex.Split


class NoParams(Params):
    """No parameters."""


class LaterParams(ex.Where):
    """What to read, and how the answers are split by part."""

    split: ex.Split


@op("dedup.exact/keys", version=1, params=KeysParams)
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


@op("dedup.exact/later", version=1, params=LaterParams)
def later(ctx: Context, params: LaterParams, inputs: Inputs) -> Outputs:
    """The rows of a partition whose key stands in an earlier row, by part."""
    rows = ex.gather(ctx, inputs["files"], params)
    codes = rows["key"].combine_chunks().dictionary_encode().indices.to_numpy()
    repeated = np.ones(len(codes), dtype=np.bool_)
    repeated[np.unique(codes, return_index=True)[1]] = False
    found = rows.select([ex.ORIGIN, ex.ROW]).filter(pa.array(repeated))
    return {"out": ex.scatter(ctx, found.select([ex.ROW]), found[ex.ORIGIN].to_numpy(), params.split)}


@op("dedup.exact/drop", version=1, params=NoParams)
def drop(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """A part without the rows that an answer lists."""
    (part,), (answer,) = inputs["data"], inputs["rows"]
    table = ctx.table(part)
    kept = np.ones(table.num_rows, dtype=np.bool_)
    kept[ctx.table(answer)[ex.ROW].to_numpy()] = False
    return {"out": ctx.put_table(table.filter(pa.array(kept)))}


@step
class ExactDedup(GlobalStep):
    """Keep the first of rows that agree.

    Rule: two rows are duplicates if the bytes of their `on` columns (docs/spec/steps.md, keys) are equal,
    compared by their first 128 bits of SHA-256: nulls agree with nulls, NaN with NaN, and -0.0 differs from
    0.0. The first in dataset order stays, whatever the parts and machines; order is kept.
    """

    name = "dedup.exact"
    version = 1
    params = DedupParams

    def schema(self, params: DedupParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema."""
        need(schemas["data"], params.on or [], self.name)
        return {"out": schemas["data"]}

    def plan(
        self, params: DedupParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Keys of each part, duplicates of each partition, answers to each part, parts without them."""
        data = inputs["data"]
        if not data.parts:
            return {"out": data}
        layout = ex.Layout.of(ex.partitions(data.rows * _ROW_BYTES), len(data.parts))
        asked = KeysParams(on=params.on, partitions=layout.partitions, split=layout.split())
        tasks = tuple(planner.task("dedup.exact/keys", 1, asked, data=[p.cid]) for p in data.parts)
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
        parts = list(data.parts)
        changed = [i for i, found in enumerate(drops) if found.rows]
        tasks = tuple(
            planner.task("dedup.exact/drop", 1, NoParams(), data=[parts[i].cid], rows=[drops[i].cid])
            for i in changed
        )
        if tasks:
            results = yield Stage(f"{self.name}: drop", tasks)
            for i, output in zip(changed, outputs(results), strict=True):
                parts[i] = Part.of(output)
        kept = tuple(p for p in parts if p.rows)
        return {"out": Parts(data.schema, kept, sealed=data.sealed and not changed)}
