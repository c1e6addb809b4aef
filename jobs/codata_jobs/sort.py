"""The step `sort`: whole rows travel, to the partition that holds their place in the new order.

Keys are drawn from each part at even distances; from them those are picked that part the partitions.
Partitions only divide the work: the result is that of one stable sort of all rows.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from cid_store.cid import CID
from codata.errors import ParameterError
from codata.ops import Bulk, Context, Inputs, Outputs, Params, Traced, op
from codata.plan import exchange as ex
from codata.plan.stage import FAN_IN, Part, Parts, Planner, Results, Stage, outputs
from codata.plan.tracing import gathered, kept
from codata.steps import GlobalStep, StepPlan, need, step
from codata_jobs.carried import unwrapped, wrapped
from codata_jobs.sort_keys import Order, order_of, sort_keys, sortable

SAMPLES: Final = 64
"""Keys drawn for each partition.

With even draws, a partition of distinct keys exceeds its share by little.
"""


class SortParams(Params):
    """The order."""

    by: list[str] = Field(min_length=1, description="The columns; the first decides.")
    descending: bool | list[bool] = Field(
        default=False, description="The greatest first: for all columns, or for each."
    )
    nulls: Literal["first", "last"] = Field(default="last", description="Where nulls stand.")

    def order(self) -> Order:
        """The order that these parameters mean; raises `ParameterError`."""
        down = self.descending
        each = [down] * len(self.by) if isinstance(down, bool) else down
        if len(each) != len(self.by) or len(set(self.by)) != len(self.by):
            raise ParameterError("sort: `by` names each column once, and `descending` has one entry for each")
        return Order(tuple(zip(self.by, each, strict=True)), self.nulls == "first")


class DrawParams(SortParams):
    """One key in `every` is drawn."""

    every: int = Field(ge=1)


class PickParams(SortParams):
    """How many partitions the keys part."""

    partitions: int = Field(ge=1)


class RangeParams(SortParams):
    """How the rows are split."""

    split: ex.Split


class MergeParams(SortParams):
    """What to read."""

    where: ex.Where


class NoParams(Params):
    """No parameters."""


@op(
    "sort/draw",
    version=1,
    params=DrawParams,
    gives=lambda params, taken: Bulk(taken.rows / params.every, taken.row_bytes),
)
def draw(ctx: Context, params: DrawParams, inputs: Inputs) -> Outputs:
    """The key columns of every so-manieth row of one part, in sorted order."""
    (part,) = inputs["data"]
    table = ctx.table(part).select(params.by)
    found = order_of(sort_keys(table, params.order()))
    return {"out": ctx.put_table(ex.taken(table, found[params.every - 1 :: params.every]))}


@op("sort/concat", version=1, params=NoParams)
def concat(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """Several small tables as one."""
    return {"out": ctx.put_table(pa.concat_tables([ctx.table(cid) for cid in inputs["parts"]]))}


@op(
    "sort/pick",
    version=1,
    params=PickParams,
    gives=lambda params, taken: Bulk(params.partitions - 1, taken.row_bytes),
)
def pick(ctx: Context, params: PickParams, inputs: Inputs) -> Outputs:
    """The keys at which partitions begin, all but the first: evenly spaced among those drawn."""
    drawn = pa.concat_tables([ctx.table(cid) for cid in inputs["parts"]])
    found = order_of(sort_keys(drawn, params.order()))
    at = np.arange(1, params.partitions) * len(found) // params.partitions
    return {"out": ctx.put_table(ex.taken(drawn, found[at] if len(found) else found))}


@op("sort/range", version=1, params=RangeParams)
def ranges(ctx: Context, params: RangeParams, inputs: Inputs) -> Outputs:
    """The rows of one part, by the partition that their key falls in."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    bounds = [ctx.table(cid) for cid in inputs["bounds"]]
    return {
        "out": ex.scatter(
            ctx, wrapped(table), _numbers(table.select(params.by), bounds, params), params.split
        )
    }


def _numbers(rows: pa.Table, bounds: Sequence[pa.Table], params: SortParams) -> Any:
    """For each row, how many bounds are not greater: rows that equal a bound lie behind it."""
    count = sum(b.num_rows for b in bounds)
    # A stable sort of the bounds before the rows puts each bound before the rows that equal it.
    found = order_of(sort_keys(pa.concat_tables([*bounds, rows]), params.order()))
    passed = np.cumsum(found < count)
    numbers = np.empty(len(found), np.uint32)
    numbers[found] = passed
    return numbers[count:]


@op("sort/merge", version=1, params=MergeParams)
def merge(ctx: Context, params: MergeParams, inputs: Inputs) -> Outputs:
    """The rows of one partition, sorted."""
    return {"out": ctx.put_table(ex.taken(*_sorted(ctx, params, inputs)))}


def _sorted(ctx: Context, params: MergeParams, inputs: Inputs) -> tuple[pa.Table, Any]:
    """The rows of one partition as they come, and their order."""
    table = unwrapped(ex.gather(ctx, inputs["files"], params.where)).combine_chunks()
    return table, order_of(sort_keys(table.select(params.by), params.order()))


@ranges.traced
def _range_origins(
    ctx: Context, params: RangeParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    (part,) = inputs["data"]
    bounds = [ctx.table(cid) for cid in inputs["bounds"]]
    numbers = _numbers(ctx.table(part).select(params.by), bounds, params)
    return kept(ex.bucket_order(numbers, params.split)[list(rows)], "data")


@merge.traced
def _merge_origins(
    ctx: Context, params: MergeParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    _, found = _sorted(ctx, params, inputs)
    moved = gathered(ctx, inputs["files"], params.where, found[list(rows)])
    return [Traced((origin,), (("sort", "moved"),)) for origin in moved]


@step
class Sort(GlobalStep):
    """Sort all rows; equal rows keep their order.

    Rule: by the first column of `by`, then the next. Numbers, dates and times by value, where -0.0 equals 0.0
    and NaN is above all numbers and equals itself; false before true; text and bytes by their bytes (for text
    that is the order of code points). Nulls stand first or last as `nulls` says, whether descending or not.
    Memory: a partition is planned to hold 64 MiB; rows with one key all fall in one partition, however many
    there are.
    """

    name = "sort"
    version = 1
    params = SortParams

    def schema(self, params: SortParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema, once the columns are known to have an order."""
        need(schemas["data"], params.by, self.name)
        params.order()
        for name in params.by:
            if not sortable(schemas["data"].field(name).type):
                raise ParameterError(
                    f"sort: column {name!r} holds {schemas['data'].field(name).type}, which has no order",
                    next_step="sort by columns of numbers, text, bytes, booleans, dates or times",
                )
        return {"out": schemas["data"]}

    def plan(
        self, params: SortParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Bounds from drawn keys, rows to their partitions, partitions sorted."""
        data = inputs["data"]
        if not data.parts:
            return {"out": data}
        layout = ex.Layout.of(ex.partitions(data.size), len(data.parts))
        plain = SortParams(**params.model_dump()).model_dump()
        bounds = (
            (yield from self._bounds(plain, data, layout.partitions, planner))
            if layout.partitions > 1
            else []
        )
        asked = RangeParams(**plain, split=layout.split())
        tasks = tuple(planner.task("sort/range", 1, asked, data=[p.cid], bounds=bounds) for p in data.parts)
        results = yield Stage("sort: partition", tasks)
        files = [o.cid for o in outputs(results)]
        slices = yield from ex.exchange(planner, self.name, files, layout)
        tasks = tuple(
            planner.task("sort/merge", 1, MergeParams(**plain, where=s.where), files=s.files) for s in slices
        )
        results = yield Stage("sort: merge", tasks)
        return {"out": Parts(data.schema, tuple(Part.of(o) for o in outputs(results) if o.rows))}

    def _bounds(
        self, plain: Mapping[str, Any], data: Parts, partitions: int, planner: Planner
    ) -> Generator[Stage, Results, list[CID]]:
        # A power of two, so that a dataset that grows a little draws the same keys from its old parts.
        every = 1 << max(0, (data.rows // (partitions * SAMPLES)).bit_length() - 1)
        drawing = DrawParams(**plain, every=every)
        tasks = tuple(planner.task("sort/draw", 1, drawing, data=[p.cid]) for p in data.parts)
        results = yield Stage("sort: draw keys", tasks)
        drawn = [o.cid for o in outputs(results)]
        while len(drawn) > FAN_IN:
            groups = [drawn[i : i + FAN_IN] for i in range(0, len(drawn), FAN_IN)]
            tasks = tuple(planner.task("sort/concat", 1, NoParams(), parts=group) for group in groups)
            results = yield Stage("sort: gather keys", tasks)
            drawn = [o.cid for o in outputs(results)]
        picking = PickParams(**plain, partitions=partitions)
        results = yield Stage("sort: choose bounds", (planner.task("sort/pick", 1, picking, parts=drawn),))
        return [o.cid for o in outputs(results)]
