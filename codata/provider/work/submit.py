"""Taking tasks, and leaving them: what is allowed, known already, missing, or to be done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.provider.work import answers
from codata.provider.work.custody import Custody
from codata.provider.work.errors import MissingInput, OverQuota, TooManyTasks
from codata.provider.work.examine import Accepted, Budget, examine
from codata.provider.work.fetching import allowed
from codata.provider.work.full import full_disks_named
from codata.provider.work.gate import Asker
from codata.provider.work.policy import Policy
from codata.provider.work.queue import Entry, Queue
from codata.provider.work.runner import Runner
from codata.provider.work.settings import TaskSettings
from codata.provider.work.states import FINAL, States, refused, unknown
from codata.records.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Submissions:
    """What happens to tasks that are asked for."""

    settings: TaskSettings
    policy: Policy
    custody: Custody
    queue: Queue
    runner: Runner
    states: States

    def submit(self, asker: Asker, tasks: Sequence[CID], sources: Sequence[str]) -> dict[CID, dict[str, Any]]:
        """Take each of these tasks or refuse it; what each is told. Raises `DiskFull` for all of them."""
        self.custody.check_space()
        # What is found here on the way is protected until it is kept.
        with self.custody.putting(), full_disks_named():
            told = self._take(asker, tasks, sources)
        return {task: told[task] for task in tasks if task in told} | self.states.of(asker.did, tasks)

    def _take(self, asker: Asker, tasks: Sequence[CID], sources: Sequence[str]) -> dict[CID, dict[str, Any]]:
        """What is told of those that are refused."""
        told: dict[CID, dict[str, Any]] = {}
        known, budget = self.queue.entries(tasks), Budget()
        new: list[Accepted] = []
        for task in tasks:
            try:
                accepted = examine(self.custody.store, self.policy, asker.did, task, budget)
                if not self._is_done(asker.did, task, known.get(task)):
                    new.append(accepted)
            except CidStoreError as e:
                told[task] = refused(task, e)
        from_there = allowed(sources, self.settings.sources)
        lacking = set(self.custody.lacks(list({cid: None for one in new for cid in one.needs})))
        room = self._room(asker)
        taken: list[Accepted] = []
        for accepted in new:
            try:
                if not from_there:
                    _check_inputs(accepted, lacking, sources)
                room.check(len(taken))
                taken.append(accepted)
            except CidStoreError as e:
                told[accepted.task] = refused(accepted.task, e)
        self._queue(asker.did, taken, from_there)
        return told

    def leave(self, did: str, task: CID) -> dict[str, Any]:
        """`did` wants a task no more: it is cancelled if nobody else does, and its results may go.

        Raises `UnknownTask`.
        """
        told = self.states.of(did, [task]).get(task)
        if told is None:
            raise unknown(task)
        with full_disks_named():
            alone, size = self.queue.leave(did, task)
            self.custody.release(did, task, size)
        if told["state"] in FINAL:
            return told
        if alone:
            self.runner.cancel(task)
        return {"task": task, "state": "cancelled"}

    def _is_done(self, did: str, task: CID, entry: Entry | None) -> bool:
        """Whether the task was done here and all that it gave is still here: then `did` is given that."""
        for cid in self.custody.receipts(task):
            sealed = self.custody.sealed(cid)
            if sealed is None or self.custody.lacks([cid, sealed.seal]):
                continue
            receipt = Receipt.load(self.custody.store, cid)
            if not self.custody.holds_results(receipt):
                continue
            answer = answers.of_result(cid, receipt, sealed, self.settings.price)
            if entry is None or entry.state != "done":  # a run of the owner's, say: not all of it is durable
                self.custody.make_durable((cid, receipt))
            size = self.custody.keep_results(did, cid, receipt)
            self.queue.done_before(did, task, answer, self.custody.until())
            self.queue.count(did, task, size)
            return True
        if entry is not None and entry.state == "done":
            self.queue.lost(task)
        return False

    def _room(self, asker: Asker) -> _Room:
        kept = self.custody.pushed(asker.did) + self.queue.bytes(asker.did)
        return _Room(asker, self.queue.waiting(asker.did), kept)

    def _queue(self, did: str, taken: Sequence[Accepted], sources: Sequence[str]) -> None:
        for accepted in taken:
            self.custody.keep_inputs(did, accepted.task, accepted.needs)
        fresh = self.queue.submit(did, taken, sources, self.custody.until())
        self.runner.add(self.queue.entries(fresh).values())


@dataclass(frozen=True, slots=True)
class _Room:
    """How much an asker has here: tasks that wait or run, and bytes that are kept."""

    asker: Asker
    waiting: int
    kept: int

    def check(self, more: int) -> None:
        """Raise `TooManyTasks`, `OverQuota` unless there is room for a task besides so many more."""
        did, rule, limits = self.asker.did, self.asker.allowed.rule, self.asker.allowed.limits
        if self.waiting + more >= limits.tasks:
            raise TooManyTasks(f"{did} has {limits.tasks} tasks here that wait or run", rule=rule)
        if self.kept >= limits.quota:
            raise OverQuota(f"{did} has {self.kept} bytes here; {limits.quota} may be kept", rule=rule)


def _check_inputs(accepted: Accepted, lacking: Collection[CID], sources: Sequence[str]) -> None:
    missing = [cid for cid in accepted.needs if cid in lacking]
    if not missing:
        return
    why = "is not held here"
    if sources:
        why += f", and none of the sources named ({', '.join(sources)[:200]}) is allowed here"
    more = f" (with {len(missing) - 1} others)" if len(missing) > 1 else ""
    raise MissingInput(f"input {missing[0]} of task {accepted.task}{more} {why}", cid=missing[0])
