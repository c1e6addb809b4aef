"""The step `concat`: the rows of one table, then those of another."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codata.errors import ParameterError
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import GlobalStep, StepPlan, step
from codata.table.types import schema_from_value, schema_to_value

if TYPE_CHECKING:
    import pyarrow as pa


class NoParams(Params):
    """No parameters."""


class ConformParams(Params):
    """The columns wanted, as a manifest states them."""

    columns: list[Any] = Field(min_length=1)


@op("concat/conform", version=1, params=ConformParams)
def conform(ctx: Context, params: ConformParams, inputs: Inputs) -> Outputs:
    """The rows of a part under more columns, in another order: nulls where it has none."""
    import pyarrow as pa

    (part,) = inputs["data"]
    table, wanted = ctx.table(part), schema_from_value(params.columns)
    columns = [
        table[f.name] if f.name in table.column_names else pa.nulls(table.num_rows, f.type) for f in wanted
    ]
    return {"out": ctx.put_table(pa.table(columns, schema=wanted))}


@step
class Concat(GlobalStep):
    """The rows of one table, then those of a second.

    Rule: the columns are those of the first, then those that only the second has; a column that one of them
    lacks is null in its rows. Columns of one name have one type.
    """

    name = "concat"
    version = 1
    params = NoParams
    inputs = ("data", "with")

    def schema(self, params: NoParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The columns of both."""
        first, second = schemas["data"], schemas["with"]
        for f in second:
            if f.name not in first.names:
                first = first.append(f)
            elif first.field(f.name).type != f.type:
                raise ParameterError(
                    f"concat: column {f.name!r} holds {first.field(f.name).type} in one table and "
                    f"{f.type} in the other",
                    next_step="give one of them another name with `select`",
                )
        return {"out": first}

    def plan(
        self, params: NoParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Parts as they are, or a task for each that lacks a column."""
        schema = self.schema(params, {name: parts.schema for name, parts in inputs.items()})["out"]
        first = yield from _conformed(planner, inputs["data"], schema)
        second = yield from _conformed(planner, inputs["with"], schema)
        return {"out": Parts(schema, (*first, *second))}


def _conformed(
    planner: Planner, parts: Parts, schema: pa.Schema
) -> Generator[Stage, Results, tuple[Part, ...]]:
    if parts.schema.equals(schema) or not parts.parts:
        return parts.parts
    params = ConformParams(columns=schema_to_value(schema))
    tasks = tuple(planner.task("concat/conform", 1, params, data=[p.cid]) for p in parts.parts)
    results = yield Stage("concat", tasks)
    return tuple(Part.of(output) for output in outputs(results))
