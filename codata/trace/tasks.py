"""One run as tracing sees it: which of its tasks gave a table, and what that task says of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from cid_store import Store
from cid_store.cid import CID
from codata import ops
from codata.errors import FalseClaim
from codata.execute.context import StoreContext
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.source import Source
from codata.records.task import Task
from codata.trace.way import File, Place
from codata.verify.rerun import Rerunner
from codata.verify.structure import Structure


class Tasks:
    """The tasks of a run whose structure holds. `rerunner` makes tables again that are gone."""

    def __init__(self, store: Store, structure: Structure, rerunner: Rerunner) -> None:
        self._store, self._rerunner = store, rerunner
        self.run, self._record, self.rows = structure.cid, structure.run, structure.rows
        self._makers: dict[CID, list[int]] = {}
        for number, row in enumerate(self.rows):
            for output in row.receipt.out.values():
                self._makers.setdefault(output.cid, []).append(number)

    def maker(self, table: CID, before: int | None) -> int | None:
        """The last task that gave this table in a stage before number `before`; None where the run took it as
        it is.

        A step that changed nothing gives the table that it took, so that one table has several makers.
        """
        found = [n for n in self._makers.get(table, ()) if before is None or self.rows[n].number < before]
        if not found:
            return None
        stage = self.rows[found[-1]].number
        return next(n for n in found if self.rows[n].number == stage)

    def task(self, number: int) -> Task:
        """Task `number`."""
        return Task.load(self._store, self.rows[number].task)

    def output(self, number: int, table: CID) -> str:
        """The name under which task `number` gave the table."""
        return next(name for name, out in self.rows[number].receipt.out.items() if out.cid == table)

    def trace(self, number: int, output: str, rows: Sequence[int]) -> Sequence[ops.Traced] | None:
        """What the operation of task `number` says of rows that it gave; None where it does not say.

        Raises `NotCheckable`, `BlockNotFound` where what the task reads can't be had here, and `FalseClaim`
        where it does not give these rows.
        """
        task = self.task(number)
        operation = ops.find(task.step, task.version)
        tracer = ops.tracer(operation)
        if tracer is None:
            return None
        self._rerunner.prepare(task.cid)
        params = ops.check_params(operation.params, dict(task.params), task.step)
        try:
            return tracer(StoreContext(self._store), params, self.inputs(task), output, rows)
        except IndexError:
            raise FalseClaim(
                f"task {task.cid} ({task.step}) does not give as many rows as its receipt states",
                cid=task.cid,
                next_step=f"`codata verify {self.run}` says what else is wrong",
            ) from None

    def inputs(self, task: Task) -> dict[str, tuple[CID, ...]]:
        """What a task reads."""
        return {name: tuple(task.input_cids(self._store, name)) for name in task.inputs}

    # -- where a run begins ----------------------------------------------------------------------

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The steps of the run's job."""
        return tuple(call.step for call in Job.load(self._store, self._record.job).steps)

    def places(self, table: CID, row: int) -> tuple[Place, ...]:
        """Where a row of a shard stands in the run's inputs."""
        return tuple(Place(dataset, first + row, n) for dataset, n, first in self._shards.get(table, ()))

    @cached_property
    def _shards(self) -> dict[CID, list[tuple[CID, int, int]]]:
        """Each shard of the inputs: in which dataset it is, its number there, the number of its first row."""
        found: dict[CID, list[tuple[CID, int, int]]] = {}
        for dataset in dict.fromkeys(self._record.inputs.values()):
            if kind_of(self._store, dataset) != Manifest.kind:
                continue
            first = 0
            for n, shard in enumerate(Manifest.load(self._store, dataset).refs(self._store)):
                found.setdefault(shard.cid, []).append((dataset, n, first))
                first += shard.rows
        return found

    def file(self, cid: CID, unit: str, number: int) -> File:
        """A place in a file of the run's source."""
        return File(cid, self._paths.get(cid, ("?",)), unit, number)

    @cached_property
    def _paths(self) -> dict[CID, tuple[str, ...]]:
        found: dict[CID, tuple[str, ...]] = {}
        for source in self._record.inputs.values():
            if kind_of(self._store, source) == Source.kind:
                for file in Source.load(self._store, source).entries(self._store):
                    found[file.cid] = (*found.get(file.cid, ()), file.path)
        return found
