"""Re-execution: drawn tasks run again from their recorded inputs alone, in a fresh store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, CorruptBlock
from codata.errors import FalseClaim, NotCheckable
from codata.execute.executors import Executor
from codata.execute.perform import check_engines
from codata.execute.stages import Progress
from codata.execute.worker import Outcome
from codata.records.fields import Value
from codata.records.receipt import Output, Receipt
from codata.records.task import Task
from codata.verify.structure import Row

Word = Literal["identical", "equal", "different", "failed", "not checkable"]


@dataclass(frozen=True)
class Verdict:
    """What became of one drawn task; `receipt` is the verifier's own, where the task ended."""

    task: CID
    stage: str
    word: Word
    evidence: str = ""
    receipt: CID | None = None

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
        self._made: dict[CID, Row] = {o.cid: row for row in rows for o in row.receipt.out.values()}

    def run(self, rows: Iterable[Row]) -> list[Verdict]:
        """A verdict for each task."""
        todo = {row.task: row for row in rows}
        verdicts: list[Verdict] = []
        ready: list[CID] = []
        for cid, row in todo.items():
            task = Task.load(self._store, cid)
            try:
                check_engines(task)
                self._supply(task, 0)
                ready.append(cid)
            except NotCheckable as e:
                verdicts.append(Verdict(cid, row.stage, "not checkable", e.message))
            except FalseClaim as e:
                verdicts.append(Verdict(cid, row.stage, "different", e.message))
        self._progress.stage("verify: run again", len(todo), len(todo) - len(ready))
        for outcome in self._perform(ready):
            verdicts.append(self._judge(todo[outcome.task], outcome))
        order = {cid: i for i, cid in enumerate(todo)}
        return sorted(verdicts, key=lambda v: order[v.task])

    def _perform(self, tasks: Sequence[CID]) -> list[Outcome]:
        outcomes: list[Outcome] = []

        def report(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if outcome.receipt:
                self._progress.task(Receipt.load(self._store, outcome.receipt))

        if tasks:
            self._executor.run(tasks, self._url, self._did, report)
        return outcomes

    def _supply(self, task: Task, depth: int) -> None:
        """Make inputs that are not held any more again, and hold them against their receipts."""
        inputs = [cid for name in task.inputs for cid in task.input_cids(self._store, name)]
        for cid, here in zip(inputs, self._store.has_many(inputs), strict=True):
            if here:
                continue
            row = self._made.get(cid)
            if row is None or depth > 1000:
                raise BlockNotFound(f"{cid}, an input of task {task.cid}, is not in the store", cid=cid)
            upstream = Task.load(self._store, row.task)
            check_engines(upstream)
            self._supply(upstream, depth + 1)
            (outcome,) = self._perform([row.task])
            verdict = self._judge(row, outcome)
            if verdict.word not in ("identical", "equal") or not self._store.has(cid):
                raise FalseClaim(
                    f"making the missing {cid} again by task {row.task} gave something else: {verdict.evidence}", cid=cid
                )

    def _judge(self, row: Row, outcome: Outcome) -> Verdict:
        if outcome.receipt is None:
            error = outcome.error or CidStoreError("no reason was given")
            if isinstance(error, (BlockNotFound, CorruptBlock)):
                raise error
            word: Word = "not checkable" if isinstance(error, NotCheckable) else "failed"
            return Verdict(row.task, row.stage, word, error.message)
        again = Receipt.load(self._store, outcome.receipt)
        claimed, got = row.receipt.out, again.out
        if claimed == got:
            return Verdict(row.task, row.stage, "identical", receipt=outcome.receipt)
        if set(claimed) == set(got) and all(_same_rows(claimed[n], got[n]) for n in claimed):
            return Verdict(row.task, row.stage, "equal", receipt=outcome.receipt)
        return Verdict(row.task, row.stage, "different", self._difference(claimed, got), outcome.receipt)

    def _difference(self, claimed: object, got: object) -> str:
        from codata.verify.compare import difference

        return difference(self._store, claimed, got)  # type: ignore[arg-type]


def _same_rows(a: Output, b: Output) -> bool:
    return a.hash is not None and a.hash == b.hash and (a.rows, a.size) == (b.rows, b.size)
