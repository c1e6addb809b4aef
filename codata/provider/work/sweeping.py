"""Letting go of what has expired, and deleting it where the settings say so."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from codata.provider.work.custody import Custody
from codata.provider.work.queue import Queue

_log = logging.getLogger("codata.provider")

SWEEP: Final = 30.0
"""Seconds between two looks for what has expired."""

COLLECT: Final = 600.0
"""Seconds between two collections of garbage while tasks run."""


class Sweeper(threading.Thread):
    """The thread that looks. `quiet`: whether no process protects what it has put; `free`: delete too."""

    def __init__(
        self, custody: Custody, queue: Queue, over: threading.Event, quiet: Callable[[], bool], free: bool
    ) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._custody, self._queue, self._over = custody, queue, over
        self._quiet, self._free = quiet, free
        self._due, self._not_before = False, 0.0

    def run(self) -> None:
        """Look from time to time, until it is over."""
        while not self._over.wait(SWEEP):
            try:
                self._sweep()
            except Exception:  # noqa: BLE001 - whatever it is, the next look may go well
                _log.exception("a fault", extra={"fields": {"doing": "letting go of what has expired"}})

    def _sweep(self) -> None:
        ended = self._custody.sweep(self._queue.forget(time.time()))
        self._due |= ended and self._free
        # What running processes protect is left for a time when none does.
        quiet = self._quiet()
        if self._due and (quiet or time.monotonic() >= self._not_before) and self._custody.collect():
            self._due, self._not_before = not quiet, time.monotonic() + COLLECT
