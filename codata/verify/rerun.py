"""Re-execution: drawn tasks run again from their recorded inputs alone, in a fresh store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, CorruptBlock, StoreError
from codata.errors import NotCheckable, OutOfResources
from codata.execute.derive import Maker, derive
from codata.execute.executors import Executor
from codata.execute.known import all_outputs
from codata.execute.perform import check_engines
from codata.execute.progress import Progress
from codata.execute.worker import Outcome
from codata.records.fields import Value
from codata.records.receipt import Output, Receipt
from codata.records.task import Task
from codata.verify.compare import difference
from codata.verify.structure import Row

Word = Literal["identical", "equal", "different", "failed", "not checkable"]


@dataclass(frozen=True)
class Verdict:
    """What became of one task that was to run again; `receipt` is the verifier's own, where the task ended.

    identical: the same bytes. equal: the same rows, in other bytes. different: other rows. failed: no result
    at all. not checkable: an engine is missing, the machine is too small, or an input could not be made
    again.
    """

    task: CID
    stage: str
    word: Word
    evidence: str = ""
    receipt: CID | None = None

    @property
    def holds(self) -> bool:
        """Whether the task gave what its receipt says."""
        return self.word in ("identical", "equal")

    def to_value(self) -> dict[str, Value]:
        """As an attestation records it."""
        value: dict[str, Value] = {"task": self.task, "stage": self.stage, "verdict": self.word}
        if self.evidence:
            value["evidence"] = self.evidence
        if self.receipt:
            value["receipt"] = self.receipt
        return value


class Rerunner:
    """Runs tasks of one run again. `url` is an overlay: reads reach the checked store, writes do not."""

    def __init__(
        self, store: Store, url: str, rows: Sequence[Row], executor: Executor, did: str, progress: Progress
    ) -> None:
        self._store, self._url, self._executor, self._did = store, url, executor, did
        self._progress = progress
        self._rows = {row.task: row for row in rows}
        self._made: dict[CID, list[CID]] = {}
        for row in rows:
            for cid in all_outputs(row.receipt):
                self._made.setdefault(cid, []).append(row.task)
        self._verdicts: dict[CID, Verdict] = {}

    def run(self, drawn: Iterable[Row]) -> list[Verdict]:
        """A verdict for each drawn task, and for each further one that was found wrong on the way; in plan
        order.

        Raises `BlockNotFound` where an input is missing that no task of the run leads to.
        """
        todo = [row.task for row in drawn]
        self._progress.stage("verify: run again", len(todo), 0)
        self._supply(todo)
        self._perform([task for task in todo if task not in self._verdicts])
        asked = set(todo)
        return [
            self._verdicts[task]
            for task in self._rows
            if task in asked or (task in self._verdicts and not self._verdicts[task].holds)
        ]

    def prepare(self, task: CID) -> None:
        """Make what the task reads be there, as its makers' receipts say it is.

        Raises `NotCheckable` where it can't be made here, and `BlockNotFound` where nothing leads to it.
        """
        self._supply([task])
        verdict = self._verdicts.get(task)
        if verdict and not verdict.holds:
            raise NotCheckable(f"task {task} ({verdict.stage}): {verdict.evidence}", cid=task)

    # -- inputs ----------------------------------------------------------------------------------------------

    def _supply(self, todo: Sequence[CID]) -> None:
        """Make missing inputs again by the run's own tasks, and hold those against their receipts."""
        while True:
            inputs = {task: self._inputs(task) for task in todo if self._checkable(task)}
            found = derive((c for cids in inputs.values() for c in cids), self._store.has_many, self._makers)
            for task, cids in inputs.items():
                if lost := found.lost.intersection(cids):
                    self._give_up(task, min(lost))
            if not found.rounds:
                return
            for makers in found.rounds:
                self._perform([m.task for m in makers])
                if not all(self._store.has_many([cid for m in makers for cid in m.outputs])):
                    break

    def _inputs(self, task: CID) -> tuple[CID, ...]:
        loaded = Task.load(self._store, task)
        return tuple(cid for name in loaded.inputs for cid in loaded.input_cids(self._store, name))

    def _makers(self, cid: CID) -> Iterator[Maker]:
        """The tasks of the run that claim to give this. One that ran again already gave what it can give."""
        for task in self._made.get(cid, ()):
            if self._checkable(task):
                yield Maker(task, self._inputs(task), (cid,))

    def _checkable(self, task: CID) -> bool:
        """Whether the task is still to be run again, and can be."""
        if task in self._verdicts:
            return False
        try:
            check_engines(Task.load(self._store, task))
        except NotCheckable as e:
            self._verdicts[task] = Verdict(task, self._rows[task].stage, "not checkable", e.message)
            return False
        return True

    def _give_up(self, task: CID, lost: CID) -> None:
        makers = [self._verdicts[t] for t in self._made.get(lost, ()) if t in self._verdicts]
        if not any(not v.holds for v in self._verdicts.values()):
            raise BlockNotFound(
                f"{lost}, an input of task {task}, is not in the store, "
                "and no task of the run that can be run makes it",
                cid=lost,
            )
        why = f": task {makers[0].task} is {makers[0].word}" if makers else ""
        self._verdicts[task] = Verdict(
            task, self._rows[task].stage, "not checkable", f"its input {lost} could not be made again{why}"
        )

    # -- running ---------------------------------------------------------------------------------------------

    def _perform(self, tasks: Sequence[CID]) -> None:
        def report(outcome: Outcome) -> None:
            verdict = self._judge(self._rows[outcome.task], outcome)
            self._verdicts[outcome.task] = verdict
            self._progress.advance()

        if tasks:
            self._executor.run(tasks, self._url, self._did, report)

    def _judge(self, row: Row, outcome: Outcome) -> Verdict:
        if outcome.receipt is None:
            error = outcome.error or CidStoreError("no reason was given")
            if isinstance(error, (BlockNotFound, CorruptBlock, StoreError)):
                raise error
            here = error.exit_code == NotCheckable.exit_code or isinstance(error, OutOfResources)
            return Verdict(row.task, row.stage, "not checkable" if here else "failed", error.message)
        again = Receipt.load(self._store, outcome.receipt)
        claimed, got = row.receipt.out, again.out
        if claimed == got:
            return Verdict(row.task, row.stage, "identical", receipt=outcome.receipt)
        if set(claimed) == set(got) and all(_same_rows(claimed[n], got[n]) for n in claimed):
            return Verdict(row.task, row.stage, "equal", receipt=outcome.receipt)
        return Verdict(
            row.task, row.stage, "different", difference(self._store, claimed, got), outcome.receipt
        )


def _same_rows(a: Output, b: Output) -> bool:
    return a.hash is not None and a.hash == b.hash and (a.rows, a.size, a.cuts) == (b.rows, b.size, b.cuts)
