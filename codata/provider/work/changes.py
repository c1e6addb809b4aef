"""Who is told when a task changes: threads say that it has, requests on the event loop wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from cid_store.cid import CID
from codata.provider.errors import Busy

MAX_WAITING: Final = 128
"""Requests of one DID that wait for tasks at once: the places are for all."""


class Watcher:
    """One who waits for changes of some tasks. Changes that come while nobody looks are told as one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._changed: dict[CID, None] = {}
        self._event = asyncio.Event()

    def tell(self, task: CID) -> None:
        """On the loop: a task has changed."""
        self._changed[task] = None
        self._event.set()

    def stop(self) -> None:
        """On the loop: wait no more."""
        self._event.set()

    async def wait(self, seconds: float) -> list[CID]:
        """The tasks that have changed since the last call; empty where none has for so long, or at the
        end."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return []
        self._event.clear()
        changed, self._changed = list(self._changed), {}
        return changed


class Changes:
    """Connects those who change tasks with those who wait for them."""

    def __init__(self) -> None:
        self._watchers: dict[CID, set[Watcher]] = {}
        self.over = False
        """Whether nobody should wait any more."""
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    def publish(self, tasks: Iterable[CID]) -> None:
        """Tell all who wait for these tasks. From any thread."""
        with self._lock:
            told = [(watcher, task) for task in tasks for watcher in self._watchers.get(task, ())]
        for watcher, task in told:
            try:
                watcher.loop.call_soon_threadsafe(watcher.tell, task)
            except RuntimeError:
                continue  # the loop has ended, and with it the request

    def close(self) -> None:
        """Let nobody wait any more. On the event loop."""
        self.over = True
        with self._lock:
            waiting = {watcher for watchers in self._watchers.values() for watcher in watchers}
        for watcher in waiting:
            watcher.stop()

    def check(self, did: str) -> None:
        """Raise `Busy` where as many of one DID wait as may."""
        if self._waiting[did] >= MAX_WAITING:
            raise Busy(f"{MAX_WAITING} requests of {did} wait for tasks")

    @contextmanager
    def watching(self, did: str, tasks: Iterable[CID]) -> Iterator[Watcher]:
        """Wait for these tasks: on the event loop, from before their states are looked at."""
        watcher, mine = Watcher(asyncio.get_running_loop()), set(tasks)
        with self._lock:
            self._waiting[did] += 1
            for task in mine:
                self._watchers.setdefault(task, set()).add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._waiting[did] -= 1
                if not self._waiting[did]:
                    del self._waiting[did]
                for task in mine:
                    left = self._watchers[task]
                    left.discard(watcher)
                    if not left:
                        del self._watchers[task]
