"""Progress on stderr: a line that is drawn over on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codata.execute.progress import Progress

_EVERY = 0.1  # seconds between two drawings


@contextmanager
def progress(json: bool) -> Iterator[Progress]:
    """A bar where a person watches; silence otherwise."""
    from codata.execute.progress import Quiet

    shown: Progress = Bar() if sys.stderr.isatty() and not json else Quiet()
    try:
        yield shown
    finally:
        shown.close()


class Bar:
    """One line a stage: how many tasks have ended, and how many need not run."""

    def __init__(self) -> None:
        self._name, self._tasks, self._done, self._reused = "", 0, 0, 0
        self._began = self._drawn = time.monotonic()

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """Finish the line of the stage before and begin the next."""
        self._end()
        self._name, self._tasks, self._done, self._reused = name, tasks, reused, reused
        self._began = time.monotonic()
        self._draw()

    def advance(self) -> None:
        """One more task has ended."""
        self._done += 1
        if self._done == self._tasks or time.monotonic() - self._drawn > _EVERY:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        share = self._done / self._tasks if self._tasks else 1
        bar = "█" * round(20 * share)
        reused = f", {self._reused} reused" if self._reused else ""
        sys.stderr.write(f"\r\x1b[K{self._name[:48]:<48} {bar:<20} {self._done}/{self._tasks}{reused}")
        sys.stderr.flush()

    def _end(self) -> None:
        if self._name:
            sys.stderr.write(f"  {time.monotonic() - self._began:.1f} s\n")
            sys.stderr.flush()
            self._name = ""

    def close(self) -> None:
        """Finish the last line."""
        self._end()
