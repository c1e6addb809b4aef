"""Who is late: members of whom nothing is heard, and tasks that take longer than others of their stage."""

from __future__ import annotations

import time
from collections.abc import Iterable

from codata.execute.attempts import HOME, Attempts, Bounds, stragglers
from codata.remote.member import Member


class Lateness:
    """The clocks of one stage of `count` tasks: when each member was heard of, and how long tasks took."""

    def __init__(self, bounds: Bounds, count: int) -> None:
        self._bounds, self._count = bounds, count
        self._heard: dict[int, float] = {}
        self._took: list[float] = []

    def heard(self, member: Member) -> None:
        """Something changed at a member, or on the way to it."""
        self._heard[member.number] = time.monotonic()

    def ended(self, since: float) -> None:
        """A task has ended that was begun at that time."""
        self._took.append(time.monotonic() - since)

    def silent(self, left: Iterable[Attempts]) -> list[int]:
        """The members with tasks of `left` of whom nothing was heard for as long as patience lasts."""
        now = time.monotonic()
        busy = dict.fromkeys(number for run in left for number in run.at if number != HOME)
        return [n for n in busy if now - self._heard.get(n, now) > self._bounds.patience]

    def stragglers(self, left: Iterable[Attempts]) -> list[Attempts]:
        """Those of the tasks `left` that a second member should try."""
        return stragglers(left, self._took, self._count, self._bounds, time.monotonic())
