"""The step `stats`: histograms of each part, then their sum."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pydantic import Field

from codata.errors import ParameterError
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import FAN_IN, Part, Parts, Planner, Stage, outputs
from codata.steps import GlobalStep, StepPlan, need, step
from codata_jobs.stats_bins import SCHEMA, merged
from codata_jobs.stats_measure import measured


class StatsParams(Params):
    """What is counted."""

    columns: list[str] | None = Field(
        default=None, min_length=1, description="The columns that are counted; all where left out."
    )


class NoParams(Params):
    """No parameters."""


@op("stats/part", version=1, params=StatsParams, engines=("polars", "pyarrow"))
def part(ctx: Context, params: StatsParams, inputs: Inputs) -> Outputs:
    """The histograms of one part."""
    (cid,) = inputs["data"]
    table = ctx.table(cid)
    return {"out": ctx.put_table(measured(table, params.columns or table.column_names))}


@op("stats/merge", version=1, params=NoParams)
def merge(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """The sum of some histograms."""
    return {"out": ctx.put_table(merged([ctx.table(cid) for cid in inputs["parts"]]))}


@step
class Stats(GlobalStep):
    """Count how values are distributed, column by column.

    Rule: measures are `null` (1 for a null, else 0) of every column; `characters` (Unicode scalar values),
    `bytes` (UTF-8), `words` (runs without tab, LF, VT, FF, CR and space) and `lines` (LFs, and one more where
    the text does not end in one) of texts; `bytes` of binary; `items` of lists; `value` of booleans and of
    integers but uint64. Nulls count in `null` alone. A row of the result is a bin that is not empty:
    `column`, `measure`, `low` and `high` (both in the bin), `count`, and `total`, the exact sum of its
    values. Numbers to 15 have a bin each, every octave above has 8 of equal width, negative numbers the
    mirrored ones. Rows go by column, measure, bin.
    Source: none; the bins are laid out as HdrHistogram's.
    Engines: polars, pyarrow.
    """

    name = "stats"
    version = 1
    engines = ("polars", "pyarrow")
    params = StatsParams

    def schema(self, params: StatsParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """A table of bins."""
        columns = params.columns or []
        need(schemas["data"], columns, self.name)
        if len(set(columns)) != len(columns):
            raise ParameterError(f"{self.name}: `columns` names a column twice")
        return {"out": SCHEMA}

    def plan(
        self, params: StatsParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Histograms of each part; sums of up to 256 at a time, until there is one."""
        tasks = tuple(planner.task("stats/part", 1, params, data=[p.cid]) for p in inputs["data"].parts)
        made = [*outputs((yield Stage(f"{self.name}: count", tasks)))] if tasks else []
        while len(made) > 1:
            groups = [made[i : i + FAN_IN] for i in range(0, len(made), FAN_IN)]
            tasks = tuple(
                planner.task("stats/merge", 1, NoParams(), parts=[o.cid for o in group]) for group in groups
            )
            made = [*outputs((yield Stage(f"{self.name}: add up", tasks)))]
        return {"out": Parts(SCHEMA, tuple(Part.of(o) for o in made if o.rows))}
