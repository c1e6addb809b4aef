"""Runs a step's plan on a store in this process: what executors do, without any."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import pyarrow as pa

from cid_store.cid import CID
from cid_store.stores.memory import MemoryStore
from codata import steps
from codata.execute.context import StoreContext
from codata.execute.perform import perform
from codata.ops import check_params
from codata.plan.stage import Part, Parts, Planner, Results, Stage
from codata.table import canonical_table

EXECUTOR = "did:key:z6MkfGo8byqdR4sLjWw83YW7qvWVyvvwxp7SexUVGx261rxz"

T = TypeVar("T")


class Driver:
    """A store, a planner over it, and every stage that ran."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.planner = Planner(self.store)
        self.stages: list[Stage] = []

    def parts(self, table: pa.Table, cuts: Sequence[int] = ()) -> Parts:
        """The table as parts that begin at 0 and at `cuts`; empty ones stay, as a step may meet them."""
        table = canonical_table(table)
        context = StoreContext(self.store)
        ends = [0, *sorted(cuts), table.num_rows]
        made = (context.put_table(table.slice(a, b - a)) for a, b in pairwise(ends))
        return Parts(table.schema, tuple(Part.of(output) for output in made))

    def table(self, parts: Parts) -> pa.Table:
        """All rows in order.

        Every part has the schema that was promised, and the rows that its receipt states.
        """
        context = StoreContext(self.store)
        tables = [context.table(part.cid) for part in parts.parts]
        for part, table in zip(parts.parts, tables, strict=True):
            assert table.schema.equals(parts.schema), (table.schema, parts.schema)
            assert table.num_rows == part.rows
        return pa.concat_tables([parts.schema.empty_table(), *tables]).combine_chunks()

    def drive(self, plan: Generator[Stage, Results, T]) -> T:
        """Perform every task of every stage, and return what the plan returns."""
        results: Results | None = None
        while True:
            try:
                stage = plan.send(results) if results is not None else next(plan)  # type: ignore[arg-type]
            except StopIteration as end:
                return end.value
            assert stage.tasks, stage.name
            self.stages.append(stage)
            results = [perform(task, self.store, EXECUTOR) for task in stage.tasks]

    def run(self, name: str, raw: Mapping[str, Any], **inputs: Parts) -> Parts:
        """The first output of a global step, the only one that is wanted."""
        return self.outputs(name, raw, ["out"], **inputs)["out"]

    def outputs(
        self, name: str, raw: Mapping[str, Any], wanted: Sequence[str], **inputs: Parts
    ) -> Mapping[str, Parts]:
        """The wanted outputs of a global step."""
        step = steps.find(name)
        assert isinstance(step, steps.GlobalStep)
        params = check_params(step.params, dict(raw), name)
        schemas = step.schema(params, {key: parts.schema for key, parts in inputs.items()})
        made = self.drive(step.plan(params, inputs, self.planner, frozenset(wanted)))
        assert {key: made[key].schema for key in wanted} == {key: schemas[key] for key in wanted}
        return made

    def rows(self, name: str, raw: Mapping[str, Any], table: pa.Table, **context: Any) -> pa.Table:
        """The output of a row step."""
        step = steps.find(name)
        assert isinstance(step, steps.RowStep)
        params = check_params(step.params, dict(raw), name, context or None)
        table = canonical_table(table)
        schema = step.schema(params, table.schema)
        made = step.apply(params, table, StoreContext(self.store))
        assert made.schema.equals(schema), (made.schema, schema)
        return canonical_table(made)

    def tasks(self) -> list[CID]:
        """The CIDs of all tasks that ran."""
        return [task.cid for stage in self.stages for task in stage.tasks]
