"""Fetching what tasks lack, within what may be kept for those who want them, and how far that is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cid_store.cid import CID
from cid_store.errors import LimitExceeded
from codata.kept import ROW
from codata.provider.work.custody import Custody
from codata.provider.work.errors import OverQuota
from codata.provider.work.examine import needs_of
from codata.provider.work.fetching import fetch
from codata.provider.work.full import full_disks_named
from codata.provider.work.queue import Entry, Queue

STEP: Final = 1 << 20
"""Bytes after which those who wait for a task are told how many came."""


@dataclass(frozen=True, slots=True)
class Bringing:
    """Brings inputs. Thread-safe. `tell` hears of a task when some more bytes came for it."""

    custody: Custody
    queue: Queue
    tell: Callable[[CID], None]
    _came: dict[CID, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetched(self, task: CID) -> int:
        """The bytes that came so far for a task that is being fetched for."""
        with self._lock:
            return self._came.get(task, 0)

    def bring(self, entry: Entry) -> int:
        """Fetch what a task lacks; returns the bytes that came, which count for who wants it, also when it
        fails. Raises `OverQuota`, and what a fetch raises.
        """
        store = self.custody.store
        needs = needs_of(store, entry.task)
        who = self.queue.who(entry.task)
        room = entry.limits.quota - min((self._has(did) for did in who), default=0)
        try:
            with self.custody.putting(), full_disks_named():
                return fetch(store, needs, entry.sources, max(0, room), lambda size: self._more(entry, size))
        except LimitExceeded as e:
            raise OverQuota(f"{e.message}; {max(0, room)} bytes may still be kept", cid=e.cid) from None
        finally:
            with self._lock:
                came = self._came.pop(entry.task, 0)
            for did in who if came else ():
                self.queue.count(did, entry.task, came + ROW * len(needs))

    def _has(self, did: str) -> int:
        return self.custody.pushed(did) + self.queue.bytes(did)

    def _more(self, entry: Entry, size: int) -> None:
        with self._lock:
            before = self._came.get(entry.task, 0)
            self._came[entry.task] = before + size
        if before // STEP < (before + size) // STEP:
            self.tell(entry.task)
