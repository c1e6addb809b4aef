"""A task's attempts: where it is since when, where it must not go, and who is late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from codata.errors import FalseClaim
from codata.execute.audit import Word
from codata.execute.needs import Need

HOME: Final = -1
"""The home's number among those that a task is at."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When patience ends. `patience`: seconds without any change at a member that has tasks.

    A task that takes `straggling` times as long as the stage's median, and at least `least` seconds, is tried
    at a second member too, once half of the stage has ended.
    """

    patience: float = 300.0
    straggling: float = 4.0
    least: float = 10.0


@dataclass
class Attempts:
    """One task of the stage: where it is since when, where it must not go, what is known of it. `told`: its
    outcome is, and what is still asked is whose word was false.
    """

    need: Need
    at: dict[int, float] = field(default_factory=dict)
    barred: dict[int, str] = field(default_factory=dict)
    failures: int = 0
    retries: int = 0
    hedged: bool = False
    told: bool = False
    words: list[Word] = field(default_factory=list)

    def heed(self, word: Word) -> None:
        """One more word; a provider that is named by two URLs has one."""
        said = word.receipt.executor, word.receipt.out
        if word.member is None or all((w.receipt.executor, w.receipt.out) != said for w in self.words):
            self.words.append(word)


def stragglers(
    left: Iterable[Attempts], took: Sequence[float], count: int, bounds: Bounds, now: float
) -> list[Attempts]:
    """Those of the tasks `left` that a second member should try. `took`: seconds of those that have ended, of
    `count` in the stage.
    """
    if not took or len(took) * 2 < count:
        return []
    bound = max(bounds.least, bounds.straggling * median(took))
    alone = (run for run in left if not run.hedged and len(run.at) == 1 and HOME not in run.at)
    return [run for run in alone if now - min(run.at.values()) > bound]


def disagreement(words: Sequence[Word]) -> FalseClaim:
    """The error of executors of whom nobody can say who is right."""
    names = ", ".join(w.member.url if w.member else "this home" for w in words)
    return FalseClaim(f"{names} each say something else of one task", next_step="let this home decide")
