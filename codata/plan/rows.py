"""Row-wise steps, fused: neighbours run in one task per part, with no table between them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from codata import steps
from codata.errors import TaskFailed, UnknownStep
from codata.ops import Context, Inputs, Outputs, Params, check_params, op
from codata.plan.stage import Part, Parts, Planner, Results, Stage, dump, outputs
from codata.steps import FilterStep, RowStep


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
    """The steps in order. `dropped`: the numbers of those, from 0, whose dropped rows are kept too."""

    steps: list[RowCall]
    dropped: list[int] = Field(default_factory=list)

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_used(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = handler(self)
        if not value["dropped"]:
            del value["dropped"]
        return value

    def engines_used(self) -> list[str]:
        """The engines of the steps inside."""
        found = (call.find() for call in self.steps)
        return [engine for step, params in found for engine in step.engines_of(params)]


@op("rows", version=1, params=RowsParams)
def rows(ctx: Context, params: RowsParams, inputs: Inputs) -> Outputs:
    """Apply each step to the rows of one part. `out`: what is left; `dropped.N`: what step N dropped."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    made: dict[str, Any] = {}
    for number, call in enumerate(params.steps):
        step, checked = call.find()
        count = table.num_rows
        if isinstance(step, FilterStep):
            verdicts = step.judge(checked, table, ctx)
            if number in params.dropped:
                made[dropped(number)] = ctx.put_table(step.dropped(checked, table, verdicts))
            count = len(verdicts.reasons)
            if not count == verdicts.rows.num_rows == table.num_rows:
                raise _unequal(step, table.num_rows, count)
            table = step.kept(checked, verdicts)
        else:
            table = step.apply(checked, table, ctx)
            if table.num_rows != count:
                raise _unequal(step, count, table.num_rows)
    return {"out": ctx.put_table(table), **made}


def _unequal(step: RowStep, given: int, made: int) -> TaskFailed:
    return TaskFailed(f"step {step.name!r} was given {given} rows and answered for {made}")


def dropped(number: int) -> str:
    """The name of the output with what step `number` dropped."""
    return f"dropped.{number}"


def call(step: RowStep, params: Params) -> RowCall:
    """A row step as it stands in a task."""
    return RowCall(step=step.name, version=step.version, params=dump(params))


def plan_rows(
    planner: Planner, parts: Parts, calls: Sequence[RowCall], schema: Any, kept: Mapping[int, Any]
) -> Generator[Stage, Results, tuple[Parts, Mapping[int, Parts]]]:
    """One task a part, whose outputs have `schema`; empty outputs are left out.

    `kept`: by number of the step, the schema of what it drops, where that is kept; returned are those rows
    too.
    """
    params = RowsParams(steps=list(calls), dropped=sorted(kept))
    tasks = tuple(planner.task("rows", 1, params, data=[p.cid]) for p in parts.parts)
    results = (yield Stage(" + ".join(c.step for c in calls), tasks)) if tasks else ()

    def made(name: str, schema: Any) -> Parts:
        return Parts(schema, tuple(Part.of(o) for o in outputs(results, name) if o.rows))

    return made("out", schema), {n: made(dropped(n), schema) for n, schema in kept.items()}
