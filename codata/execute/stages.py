"""Driving a plan: each stage's tasks come from the cache or from an executor, are sealed, and go back to the
plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from codata import seals
from codata.errors import FalseClaim, TaskFailed
from codata.execute.derive import Maker, derive
from codata.execute.errors import Distrusted, InputsGone
from codata.execute.executors import Executor
from codata.execute.known import BATCH, Cache, Known, all_outputs
from codata.execute.progress import Progress
from codata.execute.worker import Outcome
from codata.home import Home
from codata.plan.plan import Plan
from codata.plan.stage import Stage
from codata.records.receipt import Receipt
from codata.records.run import MAX_TASKS
from codata.records.task import Task

LOSSES: Final = 8
"""How often what a stage reads, or what a run gave, may be lost: each time, who held it has gone."""


@dataclass
class Driven:
    """What driving a plan gave: its outputs, and every task with its receipt in plan order.

    `conflicts`: tasks about which trusted executors disagree. What was lost and made again counts in neither
    number.
    """

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
        self._cache = Cache(home)
        self._trusted = set(home.trusted())
        self._unsealed: list[CID] = []
        self._done: dict[CID, Known] = {}
        """What others did in this run: it counts here and nowhere else, unless they are trusted."""

    def drive(self, begin: Callable[[], Plan], complete: Callable[[Driven], None]) -> Driven:
        """Run a plan to its end, then `complete` it; from its beginning again where an executor is found
        false, without its work.

        Raises what a task raised, once the rest of its stage has ended and is kept.
        """
        while True:
            try:
                driven = self._drive(begin())
                complete(driven)
                return driven
            except Distrusted as e:
                self._cache.distrust(e.did)
                self._done = {t: known for t, known in self._done.items() if known[1].executor != e.did}

    def _drive(self, plan: Plan) -> Driven:
        driven = Driven()
        send: list[Receipt] | None = None
        while True:
            try:
                stage = next(plan) if send is None else plan.send(send)
            except StopIteration as end:
                driven.outputs = dict(end.value)
                return driven
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:
                if not self._done:
                    raise  # all receipts are this home's own: that is a fault here
                raise FalseClaim(
                    f"receipts of others make no plan: {type(e).__name__}: {e}",
                    next_step="run it again with --audit 100%, or without these executors",
                ) from e
            send = self._stage(stage, driven)

    def _stage(self, stage: Stage, driven: Driven) -> list[Receipt]:
        if len(driven.rows) + len(stage.tasks) > MAX_TASKS:
            raise TaskFailed(
                f"the run has more than {MAX_TASKS} tasks",
                next_step="divide the dataset, and run the job on each part",
            )
        tasks = {task.cid: task for task in stage.tasks}
        looked = self._cache.look(tasks)
        found: dict[CID, Known] = {cid: self._done[cid] for cid in tasks if cid in self._done}
        found |= looked.known
        todo = [task for cid, task in tasks.items() if cid not in found]
        self._progress.stage(stage.name, len(tasks), len(found))
        self._executor.stage(stage.name)
        self._mend_seals(found.values())
        driven.conflicts += looked.conflicts
        driven.reused += len(found)
        driven.executed += len(todo)
        self.restore(stage.name, self._inputs(todo))
        found |= self._perform(stage.name, todo)
        rows = [(task.cid, *found[task.cid]) for task in stage.tasks]
        driven.rows += [(cid, receipt) for cid, receipt, _ in rows]
        return [receipt for _, _, receipt in rows]

    def _inputs(self, tasks: Sequence[Task]) -> Iterator[CID]:
        for task in tasks:
            for name in task.inputs:
                yield from task.input_cids(self._store, name)

    def _perform(self, name: str, tasks: Sequence[Task]) -> dict[CID, Known]:
        """Run tasks whose inputs are there; every receipt is recorded as it comes, and sealed."""
        done: dict[CID, Known] = {}
        left = list(tasks)
        for _ in range(LOSSES):
            failed = self._run(left, done) if left else []
            gone = {o.task for o in failed if isinstance(o.error, InputsGone)}
            if len(gone) < len(failed):
                others = [o for o in failed if o.task not in gone]
                raise self._failure(name, others, {t.cid: t for t in left})
            left = [task for task in left if task.cid in gone]
            if not left:
                return done
            self.restore(name, self._inputs(left))
        raise self._failure(name, failed, {t.cid: t for t in left})

    def _run(self, tasks: Sequence[Task], done: dict[CID, Known]) -> list[Outcome]:
        """Run each task once; puts what ended well into `done`, returns the others."""
        failed: list[Outcome] = []

        def report(outcome: Outcome) -> None:
            if outcome.receipt is None:
                failed.append(outcome)
                return
            receipt = Receipt.load(self._store, outcome.receipt)
            done[outcome.task] = (outcome.receipt, receipt)
            self._home.ledger.record(receipt.task, outcome.receipt, receipt.executor, all_outputs(receipt))
            if outcome.sealed is not None:
                self._home.ledger.seal([(outcome.receipt, outcome.sealed)])
                self._done[outcome.task] = done[outcome.task]
            else:
                self._unsealed.append(outcome.receipt)
            if len(self._unsealed) >= seals.BATCH:
                self._seal()
            self._progress.advance()

        cids = [task.save(self._store) for task in tasks]
        try:
            self._executor.run(cids, self._home.store_url, self._home.identity.did, report)
        finally:
            self._seal()
        return failed

    def _seal(self) -> None:
        """Seal what has ended so far, so that a killed run keeps its proofs."""
        for start in range(0, len(self._unsealed), seals.BATCH):
            seals.make(self._home, self._unsealed[start : start + seals.BATCH])
        self._unsealed = []

    def _mend_seals(self, known: Iterable[Known]) -> None:
        """Seal receipts of this home whose run was killed between their end and their seal."""
        self._unsealed += [cid for cid, _ in known if self._home.ledger.sealed(cid) is None]
        self._seal()

    def _failure(self, name: str, failed: list[Outcome], tasks: dict[CID, Task]) -> CidStoreError:
        first = min(failed, key=lambda o: o.task)
        error = first.error or TaskFailed("no reason was given")
        source = next(self._inputs([tasks[first.task]]), None)
        where = f"{name}: task {first.task} on {source or 'nothing'}"
        of = len(tasks)
        more = f" ({len(failed)} of {of} tasks of this stage failed; the others are kept)" if of > 1 else ""
        wrapped = type(error)(
            f"{where}: {error.message}{more}", cid=error.cid or first.task, next_step=error.next_step
        )
        wrapped.__cause__ = error
        return wrapped

    # -- what is gone ----------------------------------------------------------------------------------------

    def restore(self, name: str, wanted: Iterable[CID]) -> None:
        """Make blocks and files that are not held any more again, by the tasks that made them.

        Raises `BlockNotFound` for what no known work leads to.
        """
        cids = list(dict.fromkeys(wanted))
        if all(self._held(cids)):
            return
        refused: set[CID] = set()
        while True:
            found = derive(cids, self._held, partial(self._makers, refused))
            if found.lost:
                lost = min(found.lost)
                raise BlockNotFound(
                    f"{name}: {lost} is not in the store, nor is it known what made it", cid=lost
                )
            if not found.rounds:
                return
            for makers in found.rounds:
                self._perform(f"{name} (made again)", [Task.load(self._store, m.task) for m in makers])
                wrong = {m.task for m in makers if not self._gave(m)}
                if wrong:
                    refused |= wrong  # somebody's receipt is false: go by other makers, where there are any
                    break

    def _held(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these tasks can read: here, or where they run."""
        held: list[bool] = []
        for start in range(0, len(cids), BATCH):
            held += self._store.has_many(cids[start : start + BATCH])
        away = [cid for cid, here in zip(cids, held, strict=True) if not here]
        there = dict(zip(away, self._executor.holds(away), strict=True)) if away else {}
        return [here or there[cid] for cid, here in zip(cids, held, strict=True)]

    def _makers(self, refused: set[CID], cid: CID) -> Iterator[Maker]:
        """The tasks that are said to have made this, the word of trusted executors first."""
        tasks = [t for t in self._home.ledger.makers(cid) if t not in refused and self._store.has(t)]
        for task in sorted(tasks, key=lambda t: not self._is_trusted(t)):
            try:
                inputs = tuple(self._inputs([Task.load(self._store, task)]))
            except BlockNotFound:
                continue  # a long input list whose pages are gone
            yield Maker(task, inputs, (cid,))

    def _is_trusted(self, task: CID) -> bool:
        return any(executor in self._trusted for _, executor in self._home.ledger.receipts(task))

    def _gave(self, maker: Maker) -> bool:
        return all(self._held(maker.outputs))
