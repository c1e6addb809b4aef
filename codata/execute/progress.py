"""Who watches work: told what happens, for a person to see."""

from __future__ import annotations

from typing import Protocol

from codata.records.receipt import Receipt


class Progress(Protocol):
    """Told what happens, for a person to see."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """A stage begins: how many tasks it has, and how many of them need not run."""

    def task(self, receipt: Receipt) -> None:
        """A task has ended."""

    def close(self) -> None:
        """Nothing more happens."""


class Quiet:
    """No progress."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """Say nothing."""

    def task(self, receipt: Receipt) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""
