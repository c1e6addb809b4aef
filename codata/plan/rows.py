"""Row-wise steps, fused: neighbours run in one task per part, with no table between them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from codata import steps
from codata.errors import UnknownStep
from codata.ops import Context, Inputs, Outputs, Params, check_params, op
from codata.plan.stage import Part, Parts, Planner, Results, Stage, dump, outputs
from codata.steps import RowStep


class RowCall(Params):
    """One row step with its resolved parameters."""

    step: str
    version: int
    params: dict[str, Any]

    def find(self) -> tuple[RowStep, Params]:
        """The step and its checked parameters; raises `UnknownStep`, `ParameterError`."""
        found = steps.find(self.step, self.version)
        if not isinstance(found, RowStep):
            raise UnknownStep(f"step {self.step!r} is not row-wise")
        return found, check_params(found.params, self.params, self.step)


class RowsParams(Params):
    """The steps in order."""

    steps: list[RowCall]

    def engines_used(self) -> list[str]:
        """The engines of the steps inside."""
        found = (call.find() for call in self.steps)
        return [engine for step, params in found for engine in step.engines_of(params)]


@op("rows", version=1, params=RowsParams)
def rows(ctx: Context, params: RowsParams, inputs: Inputs) -> Outputs:
    """Apply each step to the rows of one part."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    for call in params.steps:
        step, checked = call.find()
        table = step.apply(checked, table, ctx)
    return {"out": ctx.put_table(table)}


def call(step: RowStep, params: Params) -> RowCall:
    """A row step as it stands in a task."""
    return RowCall(step=step.name, version=step.version, params=dump(params))


def plan_rows(
    planner: Planner, parts: Parts, calls: Sequence[RowCall], schema: Any
) -> Generator[Stage, Results, Parts]:
    """One task a part, whose outputs have `schema`; empty outputs are left out."""
    params = RowsParams(steps=list(calls))
    tasks = tuple(planner.task("rows", 1, params, data=[p.cid]) for p in parts.parts)
    results = yield Stage(" + ".join(c.step for c in calls), tasks)
    return Parts(schema, tuple(Part.of(o) for o in outputs(results) if o.rows))
