"""Driving a plan: each stage's tasks come from the cache or from an executor, are sealed, and go back to the plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cid_store.cid import CID, DAG_CBOR
from cid_store.errors import BlockNotFound, CidStoreError
from codata import seals
from codata.errors import TaskFailed
from codata.execute.executors import Executor
from codata.execute.worker import Outcome
from codata.home import Home
from codata.plan.plan import Plan
from codata.plan.stage import Stage
from codata.records.receipt import Receipt
from codata.records.task import Task


class Progress(Protocol):
    """Told what happens, for a person to see."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """A stage begins: how many tasks it has, and how many of them need not run."""

    def task(self, receipt: Receipt) -> None:
        """A task has ended."""

    def close(self) -> None:
        """Nothing more happens."""


class Quiet:
    """No progress."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """Say nothing."""

    def task(self, receipt: Receipt) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


@dataclass
class Driven:
    """What driving a plan gave: its outputs, and every task with its receipt in plan order."""

    outputs: dict[str, CID] = field(default_factory=dict)
    rows: list[tuple[CID, CID]] = field(default_factory=list)
    executed: int = 0
    reused: int = 0
    conflicts: list[CID] = field(default_factory=list)


class Driver:
    """Drives plans in one home with one executor."""

    def __init__(self, home: Home, executor: Executor, progress: Progress) -> None:
        self._home, self._executor, self._progress = home, executor, progress
        self._store = home.store
        self._trusted = set(home.trusted())
        self._unsealed: list[CID] = []

    def drive(self, plan: Plan) -> Driven:
        """Run a plan to its end. Raises what a task raised, once the rest of its stage has ended and is kept."""
        driven = Driven()
        send: list[Receipt] | None = None
        while True:
            try:
                stage = next(plan) if send is None else plan.send(send)
            except StopIteration as end:
                driven.outputs = dict(end.value)
                return driven
            send = self._stage(stage, driven)

    def _stage(self, stage: Stage, driven: Driven) -> list[Receipt]:
        tasks = {task.cid: task for task in stage.tasks}
        found = {cid: known for cid in tasks if (known := self.cached(cid, driven))}
        todo = [task for cid, task in tasks.items() if cid not in found]
        self._progress.stage(stage.name, len(tasks), len(found))
        driven.reused += len(found)
        driven.executed += len(todo)
        found |= self._execute(stage.name, todo)
        rows = [(task.cid, *found[task.cid]) for task in stage.tasks]
        driven.rows += [(cid, receipt) for cid, receipt, _ in rows]
        return [receipt for _, _, receipt in rows]

    def cached(self, task: CID, driven: Driven) -> tuple[CID, Receipt] | None:
        """A trusted receipt that still helps: what plans read of its outputs is here. Tables can be made again."""
        known: list[tuple[CID, Receipt]] = []
        for cid, executor in self._home.receipts(task):
            if executor in self._trusted and self._store.has(cid):
                known.append((cid, Receipt.load(self._store, cid)))
        if not known:
            return None
        if any(r.out != known[0][1].out for _, r in known):
            driven.conflicts.append(task)  # evidence that somebody is wrong: run it again
            return None
        small = [o.cid for o in known[0][1].out.values() if o.cid.codec == DAG_CBOR]
        small += [o.cuts for o in known[0][1].out.values() if o.cuts]
        held = self._store.touch(small + [o.cid for o in known[0][1].out.values()])
        return known[0] if all(held[: len(small)]) else None

    def _execute(self, name: str, tasks: Sequence[Task], depth: int = 0) -> dict[CID, tuple[CID, Receipt]]:
        """Run tasks, after whatever inputs are not here any more have been made again."""
        if not tasks:
            return {}
        self._restore(name, tasks, depth)
        done: dict[CID, tuple[CID, Receipt]] = {}
        failed: list[Outcome] = []

        def report(outcome: Outcome) -> None:
            if outcome.receipt is None:
                failed.append(outcome)
                return
            receipt = Receipt.load(self._store, outcome.receipt)
            done[outcome.task] = (outcome.receipt, receipt)
            self._keep(outcome.receipt, receipt)
            self._progress.task(receipt)

        cids = [task.save(self._store) for task in tasks]
        try:
            self._executor.run(cids, self._home.store_url, self._home.identity.did, report)
        finally:
            self.seal()
        if failed:
            raise self._failure(name, failed, len(tasks), {t.cid: t for t in tasks})
        return done

    def _keep(self, cid: CID, receipt: Receipt) -> None:
        self._home.record(receipt.task, cid, receipt.executor, [o.cid for o in receipt.out.values()])
        self._unsealed.append(cid)
        if len(self._unsealed) >= seals.BATCH:
            self.seal()

    def seal(self) -> None:
        """Seal what has ended so far, so that a killed run keeps its proofs."""
        if self._unsealed:
            seals.make(self._home, self._unsealed)
            self._unsealed = []

    def _failure(self, name: str, failed: list[Outcome], of: int, tasks: dict[CID, Task]) -> CidStoreError:
        first = min(failed, key=lambda o: o.task)
        error = first.error or TaskFailed("no reason was given")
        inputs = [cid for n in tasks[first.task].inputs for cid in tasks[first.task].input_cids(self._store, n)]
        where = f"{name}: task {first.task} on {inputs[0] if inputs else 'nothing'}"
        more = f" ({len(failed)} of {of} tasks of this stage failed; the others are kept)" if of > 1 else ""
        wrapped = type(error)(
            f"{where}: {error.message}{more}", cid=error.cid or first.task, next_step=error.next_step
        )
        wrapped.__cause__ = error
        return wrapped

    def _restore(self, name: str, tasks: Sequence[Task], depth: int) -> None:
        wanted = {cid for t in tasks for n in t.inputs for cid in t.input_cids(self._store, n)}
        self.restore(name, wanted, depth)

    def restore(self, name: str, wanted: Iterable[CID], depth: int = 0) -> None:
        """Make blocks and files that are not held any more again, by the tasks that made them."""
        cids = list(wanted)
        missing = [cid for cid, here in zip(cids, self._store.has_many(cids), strict=True) if not here]
        if not missing:
            return
        makers: dict[CID, Task] = {}
        for cid in missing:
            made_by = [t for t in self._home.makers(cid) if self._store.has(t)]
            if not made_by or depth > 1000:
                raise BlockNotFound(f"{name}: {cid} is not in the store, nor is it known what made it", cid=cid)
            makers[made_by[0]] = Task.load(self._store, made_by[0])
        self._execute(f"{name} (made again)", list(makers.values()), depth + 1)
        lost = [c for c, here in zip(missing, self._store.has_many(missing), strict=True) if not here]
        if lost:
            raise TaskFailed(f"{name}: making {lost[0]} again gave something else", cid=lost[0])


