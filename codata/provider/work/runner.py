"""The threads that do the work: inputs are fetched, tasks performed in processes, what has expired let go."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, Literal, Self

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.executors import available_cores
from codata.provider.errors import to_value
from codata.provider.work.bringing import Bringing
from codata.provider.work.changes import Changes
from codata.provider.work.children import Answer, Child, Setup
from codata.provider.work.custody import Custody
from codata.provider.work.errors import DiskFull
from codata.provider.work.queue import Entry, Queue, State
from codata.provider.work.sandbox import Sandbox, choose
from codata.provider.work.sealing import Sealer
from codata.provider.work.settings import TaskSettings
from codata.provider.work.sweeping import Sweeper
from codata.provider.work.tally import Tally

_log = logging.getLogger("codata.provider")

FETCHES: Final = 2
"""Tasks whose inputs are fetched at once."""

IDLE: Final = 5.0
"""Seconds without work after which a process lets go of the store."""

PAUSE: Final = 1.0
"""Seconds before a task is tried again whose end could not be written down."""

Phase = Literal["fetching", "running"]


class Runner:
    """Works off the queue from `__enter__` to `__exit__`. What it is in the middle of then stays queued."""

    def __init__(
        self, settings: TaskSettings, custody: Custody, queue: Queue, changes: Changes, tally: Tally
    ) -> None:
        self._settings, self._custody, self._queue = settings, custody, queue
        self._changes, self._tally = changes, tally
        self._bringing = Bringing(custody, queue, lambda task: changes.publish([task]))
        self.fetched = self._bringing.fetched
        """Bytes that came so far for a task that is being fetched for."""
        self._change = threading.Condition()
        self._waiting: dict[Phase, OrderedDict[CID, Entry]] = {
            "fetching": OrderedDict(),
            "running": OrderedDict(),
        }
        self._phases: dict[CID, Phase] = {}
        self._children: dict[CID, Child] = {}
        self._cancelled: set[CID] = set()
        self._awake: set[Child] = set()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sealer = Sealer(custody, queue, settings.price, self._ended, self._again)
        self._sandbox: Sandbox | None = None
        self._choosing = threading.Lock()

    def __enter__(self) -> Self:
        self.add(self._queue.queued())
        work = [self._perform] * self._settings.workers + [self._fetch] * FETCHES
        self._threads = [threading.Thread(target=each, name="tasks", daemon=True) for each in work]
        self._threads.append(
            Sweeper(self._custody, self._queue, self._over, self._quiet, self._settings.collect)
        )
        for thread in (self._sealer, *self._threads):
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        with self._change:
            children = list(self._children.values())
            self._change.notify_all()
        for child in children:
            child.kill("was stopped with the provider")
        for thread in self._threads:
            thread.join()
        self._sealer.stop()

    @property
    def sandbox(self) -> Sandbox:
        """What processes are shut in by; found out when it is first asked for."""
        with self._choosing:
            if self._sandbox is None:
                folder = self._custody.store.folder.root
                self._sandbox = choose(self._settings.sandbox, folder, self._custody.home_path)
            return self._sandbox

    @property
    def threads(self) -> int:
        """Threads of libraries in each process: all of them together have the machine's cores."""
        return max(1, available_cores() // self._settings.workers)

    def add(self, entries: Iterable[Entry]) -> None:
        """Work these off too, in this order; those with sources are looked at for missing inputs first."""
        with self._change:
            for entry in entries:
                self._cancelled.discard(entry.task)
                self._waiting["fetching" if entry.sources else "running"][entry.task] = entry
            self._change.notify_all()

    def phase(self, task: CID) -> Phase | None:
        """What is being done for a task that is queued, if anything is."""
        with self._change:
            return self._phases.get(task)

    def working(self) -> dict[CID, Phase]:
        """What is being done, by task: those that only wait are left out."""
        with self._change:
            return dict(self._phases)

    def phases(self) -> list[Phase]:
        """What is being done, for each task that is not only waiting."""
        return list(self.working().values())

    def cancel(self, task: CID) -> None:
        """End a queued task that nobody wants any more: at once if it waits, else by ending its process."""
        with self._change:
            found = (waiting.pop(task, None) for waiting in self._waiting.values())
            waited = [entry for entry in found if entry is not None]
            if not waited:
                self._cancelled.add(task)
            child = self._children.get(task)
        if waited and self._queue.who(task):
            self.add(waited)  # somebody has come to want it meanwhile
        elif waited:
            self._end(task, "cancelled", {})
        elif child is not None:
            child.kill("was cancelled")

    # -- threads ---------------------------------------------------------------------------------------------

    def _perform(self) -> None:
        child: Child | None = None
        try:
            while not self._over.is_set():
                entry = self._take("running", IDLE if child in self._awake else None)
                if entry is None:
                    # What it has put is protected by it until it is sealed and kept.
                    if child is not None and not self.phases():
                        child.rest()
                        self._awake.discard(child)
                    continue
                child = child or Child(self._setup())
                self._awake.add(child)
                try:
                    self._one(entry, child)
                except Exception:  # noqa: BLE001 - whatever it is, the next task is performed
                    _log.exception("a fault", extra={"fields": {"task": entry.task}})
                    self._again([entry.task])
        finally:
            if child is not None:
                child.stop()
                self._awake.discard(child)

    def _one(self, entry: Entry, child: Child) -> None:
        with self._change:
            if self._wanted(entry):
                self._children[entry.task] = child
        if entry.task not in self._children:
            self._drop(entry)
            return
        try:
            self._custody.check_space()
            answer = child.perform(entry.task, entry.limits, lambda: self._wanted(entry))
        except DiskFull as e:
            answer = Answer(error=to_value(e)["error"])
        finally:
            with self._change:
                del self._children[entry.task]
        if answer.receipt is not None:
            self._sealer.add(entry.task, answer.receipt)
        elif not self._wanted(entry):
            self._drop(entry)
        else:
            self._end(entry.task, "failed", {"error": answer.error})

    def _wanted(self, entry: Entry) -> bool:
        return entry.task not in self._cancelled and not self._over.is_set()

    def _quiet(self) -> bool:
        """Whether no process holds the store."""
        return not self._awake

    def _again(self, tasks: list[CID]) -> None:
        """Queue tasks once more whose end could not be written down: the disk is full, say, for a while."""
        if self._over.wait(PAUSE):
            return
        with self._change:
            for task in tasks:
                self._phases.pop(task, None)
        self.add(entry for entry in self._queue.entries(tasks).values() if entry.state == "queued")

    def _drop(self, entry: Entry) -> None:
        """Leave a task that was cancelled, unless it is wanted again; at the end, any: it stays queued."""
        if self._over.is_set():
            return
        if self._queue.who(entry.task):
            with self._change:
                self._phases.pop(entry.task, None)
            self.add([entry])
        else:
            self._end(entry.task, "cancelled", {})

    def _setup(self) -> Setup:
        return Setup(str(self._custody.store.folder.root), self._custody.me, self.threads, self.sandbox)

    def _fetch(self) -> None:
        while entry := self._take("fetching", None):
            try:
                self._bring(entry)
            except Exception:  # noqa: BLE001 - whatever it is, the next task is fetched for
                _log.exception("a fault", extra={"fields": {"task": entry.task}})
                self._again([entry.task])

    def _bring(self, entry: Entry) -> None:
        """Fetch what a task lacks, and let it wait to be performed."""
        try:
            self._custody.check_space()
            came = self._bringing.bring(entry)
        except CidStoreError as e:
            self._end(entry.task, "failed", to_value(e))
            return
        if came:
            _log.info("fetched", extra={"fields": {"task": entry.task, "bytes": came}})
            self._tally.fetched.inc(came)
        if entry.task in self._cancelled:
            self._drop(entry)
            return
        with self._change:
            self._phases.pop(entry.task, None)
            self._waiting["running"][entry.task] = entry
            self._change.notify_all()
        self._changes.publish([entry.task])

    def _take(self, phase: Phase, seconds: float | None) -> Entry | None:
        """The next task to do this for; None at the end, or when none has come for so many seconds."""
        waiting = self._waiting[phase]
        with self._change:
            self._change.wait_for(lambda: waiting or self._over.is_set(), seconds)
            if not waiting or self._over.is_set():
                return None
            task, entry = waiting.popitem(last=False)
            self._phases[task] = phase
        self._changes.publish([task])
        return entry

    # -- ends ------------------------------------------------------------------------------------------------

    def _end(self, task: CID, state: State, answer: dict[str, Any]) -> None:
        self._queue.end([(task, state, answer)], self._custody.until())
        self._ended(task, state, answer)

    def _ended(self, task: CID, state: State, answer: dict[str, Any]) -> None:
        """A task is final, and written down as such."""
        with self._change:
            self._phases.pop(task, None)
            self._cancelled.discard(task)
        self._tally.count(state, answer)
        error = answer.get("error") or {}
        fields = {"task": task, "state": state, **answer.get("cost", {}), "kind": error.get("kind")}
        _log.info("task", extra={"fields": {k: v for k, v in fields.items() if v is not None}})
        self._changes.publish([task])
