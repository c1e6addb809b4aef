"""How many requests of one kind are served at once. Counted on the event loop's one thread: no lock."""

from __future__ import annotations

from codata.provider.errors import Busy


class Slots:
    """`limit` places. Who finds none is told to come again, so that nothing waits without bound."""

    def __init__(self, what: str, limit: int) -> None:
        self._what = what
        self._limit = limit
        self.taken = 0

    def take(self) -> Slot:
        """A place, until its `free` is called; raises `Busy`."""
        if self.taken >= self._limit:
            raise Busy(f"{self._limit} {self._what} are served at once, and all places are taken")
        self.taken += 1
        return Slot(self)


class Slot:
    """A place taken."""

    def __init__(self, slots: Slots) -> None:
        self._slots: Slots | None = slots

    def free(self) -> None:
        """Give the place back; a second time does nothing."""
        if self._slots is not None:
            self._slots.taken -= 1
            self._slots = None
