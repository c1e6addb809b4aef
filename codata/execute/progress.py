"""Who watches work: told what happens, for a person to see."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what happens, for a person to see."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """A stage begins: how many tasks it has, and how many of them need not run."""

    def advance(self) -> None:
        """One of the stage's tasks has ended."""

    def close(self) -> None:
        """Nothing more happens."""


class Quiet:
    """No progress."""

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """Say nothing."""

    def advance(self) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""
