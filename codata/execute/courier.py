"""Errands run beside each other, as a Dask graph of signed requests.

A graph has a node for each input that comes home, one for each input that is pushed to a provider, and one
for each batch of tasks, which waits for the inputs that it needs. Only CIDs and errors pass through it; what
happens is put on a queue as it happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.errands import Errand
from codata.execute.events import Beat, Broke, Ended, Event, Failed, Home, Stopped
from codata.execute.graphs import run_beside
from codata.execute.needs import Need
from codata.execute.supply import Supply
from codata.execute.worker import Outcome
from codata.records.run import RunRow
from codata.remote.client import MAX_TASKS
from codata.remote.errors import OwnStoreFailed, ProviderError, ProviderFull, ProviderLied, ProviderRefused
from codata.remote.member import Member
from codata.remote.proof import Taker
from codata.remote.state import State

_LEAVE: Final = 2.0  # seconds
_LACKING: Final = ("MissingInput", "BlockNotFound", "CorruptBlock", "Unreachable")
"""Kinds of errors of a task whose inputs a provider neither holds nor comes by."""

_FAR: Final = 1 << 20  # bytes fetched that show that a provider gets on

_FULL: Final = ("OverQuota", "DiskFull")


class Courier:
    """Runs errands beside each other."""

    def __init__(
        self,
        supply: Supply,
        taker: Callable[[Member], Taker],
        at_home: Callable[[Sequence[CID], Callable[[Outcome], None]], None],
    ) -> None:
        self._supply, self._taker = supply, taker
        self._at_home = at_home
        self.over: set[CID] = set()
        """Tasks that nobody waits for any more."""
        self._closed = False
        self._threads: list[Thread] = []
        self.events: SimpleQueue[Event] = SimpleQueue()

    def start(self, errands: Iterable[Errand], here: Sequence[Need]) -> None:
        """Begin; returns at once. `here`: tasks for the home."""
        graph = self._graph(list(errands), here)
        if graph:
            self._threads.append(run_beside(graph))

    def leave(self) -> None:
        """Wait a moment for those who are about to end. Others end when their provider says something again:
        nothing is taken home any more.
        """
        self._closed = True
        end = time.monotonic() + _LEAVE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _graph(self, errands: Sequence[Errand], here: Sequence[Need]) -> dict[str, tuple[Any, ...]]:
        graph: dict[str, tuple[Any, ...]] = {}
        waiting_for: dict[CID, list[Member]] = {}

        def home(cid: CID, *members: Member) -> str:
            key = f"home-{cid}"
            waiting_for.setdefault(cid, []).extend(members)
            graph[key] = (self._bring, cid, self._alive(waiting_for[cid]))
            return key

        for errand in errands:
            number = errand.member.number
            lacking = set(errand.push)
            sent = {cid: f"send-{number}-{cid}" for cid in errand.push}
            graph |= {
                key: (self._send, errand.member, cid, home(cid, errand.member)) for cid, key in sent.items()
            }
            ready = [need for need in errand.needs if lacking.isdisjoint(need.inputs)]
            waiting = [need for need in errand.needs if not lacking.isdisjoint(need.inputs)]
            most = errand.member.terms.tasks
            size, batches = min(MAX_TASKS, most), list[str]()
            for needs, after in ((ready, []), (waiting, list(sent.values()))):
                for start in range(0, len(needs), size):
                    batch = needs[start : start + size]
                    # As many batches at once as its rules allow: one more waits for the one before those.
                    before = batches[-max(1, most // size)] if len(batches) >= max(1, most // size) else None
                    # What is fetched for all of them counts once.
                    counted = replace(errand, pull=0) if batches else errand
                    batches.append(f"tasks-{number}-{batch[0].cid}")
                    graph[batches[-1]] = (self._tasks, counted, batch, after, before)
        if here:
            wanted = [home(cid) for cid in dict.fromkeys(c for need in here for c in need.inputs)]
            graph["here"] = (self._here, list(here), wanted)
        return graph

    # -- nodes: what they return, others are given; they never raise -----------------------------------------

    def _alive(self, members: Sequence[Member]) -> Callable[[int], None]:
        """What is told of bytes on their way to these: however long an input takes, they do not stall."""

        def beat(size: int) -> None:
            for member in members:
                self.events.put(Beat(member))

        return beat

    def _bring(self, cid: CID, progress: Callable[[int], None]) -> tuple[CID, CidStoreError | None]:
        try:
            self._supply.bring(cid, progress=progress)
        except Exception as e:  # noqa: BLE001 - see `_named`
            return cid, self._named(e)
        return cid, None

    def _send(
        self, member: Member, cid: CID, brought: tuple[CID, CidStoreError | None]
    ) -> tuple[CID, CidStoreError | None]:
        if brought[1] is not None:
            return brought
        try:
            self._supply.push(member, [cid], progress=self._alive([member]))
        except Exception as e:  # noqa: BLE001 - see `_named`
            return cid, self._named(e)
        self.events.put(Beat(member))
        return cid, None

    def _tasks(
        self,
        errand: Errand,
        needs: Sequence[Need],
        sent: Sequence[tuple[CID, CidStoreError | None]],
        before: None,
    ) -> None:
        member = errand.member
        wrong = {cid: error for cid, error in sent if error is not None}
        broken = next((e for e in wrong.values() if isinstance(e, ProviderError | ProviderLied)), None)
        if broken is not None:
            self._broke(member, [need.cid for need in needs], broken)
            return
        left: dict[CID, Need] = {}
        for need in needs:
            error = next((wrong[cid] for cid in need.inputs if cid in wrong), None)
            if error is not None:
                self.events.put(Failed(member, need.cid, error, lacking=True))
            else:
                left[need.cid] = need
        try:
            self._follow(errand, left)
        except Exception as e:  # noqa: BLE001 - see `_named`
            self._broke(member, list(left), self._named(e))

    def _follow(self, errand: Errand, left: dict[CID, Need]) -> None:
        member = errand.member
        if not left:
            return
        records = list(dict.fromkeys(cid for need in left.values() for cid in reversed(need.records)))
        member.client.upload(self._supply.store.get_many(records), member.terms.upload)
        states = member.client.submit(list(left), errand.sources)
        self.events.put(Beat(member))
        if errand.pull and not any(s.kind in _LACKING for s in states.values()):
            self._supply.count(member, errand.pull)
        for state in states.values():
            if state.final:
                self._final(member, left[state.task], state)
                del left[state.task]  # not before: what it could not give is still to be done
        furthest = {task: self._far(states[task], need) for task, need in left.items()}
        for change in member.client.follow(list(left)) if left else ():
            need = left.get(change.task) if change is not None else None
            if change is not None and need is not None:
                far = self._far(change, need)
                if far > furthest[change.task]:
                    furthest[change.task] = far
                    self.events.put(Beat(member))
            if change is not None and change.final and change.task in left:
                self._final(member, left[change.task], change)
                del left[change.task]
            if left.keys() <= self.over:
                return

    def _far(self, state: State, need: Need) -> tuple[int, int]:
        """How far a task is: bytes that came of its inputs count by the MiB, and no more than those have. So
        nobody can say for ever that it fetches.
        """
        if not state.fetched:
            return state.progress, 0
        return state.progress, min(state.fetched, sum(map(self._supply.size, need.inputs))) // _FAR

    def _final(self, member: Member, need: Need, state: State) -> None:
        if self._closed:
            return
        if state.row is not None:
            self._take(member, need, state.row)
            return
        if need.cid in self.over:
            return
        said = f"{member.url}: {state.said or state.word}"
        if state.kind in _FULL:
            raise ProviderFull(said, cid=need.cid)
        error = (ProviderRefused if state.word == "refused" else ProviderError)(said, cid=need.cid)
        self.events.put(Failed(member, need.cid, error, lacking=state.kind in _LACKING))

    def _take(self, member: Member, need: Need, row: RunRow) -> None:
        try:
            receipt = self._taker(member).take(row)
        except ProviderError:
            if need.cid not in self.over:
                raise
            return  # it was told that nobody waits for that, and may have let go of it
        # Also of a task that another has ended: where the two differ, one of them is false.
        self.events.put(Ended(member, row, receipt))

    def _broke(self, member: Member, tasks: Sequence[CID], error: CidStoreError) -> None:
        if isinstance(error, OwnStoreFailed):
            return  # it ends the run, and is not this member's
        member.fault(error)
        self.events.put(Broke(member, tuple(tasks), error))

    def _here(self, needs: Sequence[Need], brought: Sequence[tuple[CID, CidStoreError | None]]) -> None:
        wrong = {cid: error for cid, error in brought if error is not None}
        ready: list[CID] = []
        for need in needs:
            error = next((wrong[cid] for cid in need.inputs if cid in wrong), None)
            if error is not None:
                self.events.put(Home(Outcome(need.cid, error=error)))
            else:
                ready.append(need.cid)
        try:
            self._at_home(ready, lambda outcome: self.events.put(Home(outcome)))
        except Exception as e:  # noqa: BLE001 - see `_named`
            for cid in ready:
                self.events.put(Home(Outcome(cid, error=self._named(e))))

    def _named(self, error: Exception) -> CidStoreError:
        """Any error as one that can be told: what went wrong in a thread must not leave tasks that nobody
        has. One of the home's own store ends it all.
        """
        if isinstance(error, OwnStoreFailed):
            self.events.put(Stopped(error))
        if isinstance(error, CidStoreError):
            return error
        return CidStoreError(f"{type(error).__name__}: {error}")
