"""Which block lies where: the indexes of all CARs as one table in memory.

A row is 32 bytes: a keyed hash of the multihash, then CAR, offset and length. The key is this process's
own, so that nobody can make two blocks that share a row. Most rows are in sorted arrays, searched by
bisection; the latest are in a dictionary, merged into the arrays when they have become many.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from cid_store.cid import CID
from cid_store.errors import LimitExceeded

MAX_ROWS: Final = 1 << 26
"""Blocks of one store, at most: two gibibytes of memory."""

_KEY: Final = 16  # bytes: no two multihashes in a store share them, by 2**64 odds
_ROW: Final = np.dtype([("key", f"S{_KEY}"), ("car", "<u4"), ("offset", "<u8"), ("length", "<u4")])
_MERGE: Final = 4096  # rows in the dictionary before a merge is worth it
_SHARE: Final = 4  # and this share of the arrays, so that merging costs little for each row


class Place(NamedTuple):
    """A section: the CAR's name, where the section begins, and how many bytes to read for it, at most."""

    car: str
    offset: int
    length: int


class Catalog:
    """The blocks of every CAR that is known. Thread-safe."""

    def __init__(self) -> None:
        self._salt = os.urandom(16)
        self._lock = threading.Lock()
        self._names: list[str | None] = []
        self._numbers: dict[str, int] = {}
        self._rows = np.empty(0, _ROW)
        self._recent: dict[bytes, list[tuple[int, int, int]]] = defaultdict(list)
        self._count = 0

    @property
    def cars(self) -> frozenset[str]:
        """The CARs known."""
        with self._lock:
            return frozenset(self._numbers)

    def add(self, car: str, sections: Iterable[tuple[bytes, int, int]]) -> None:
        """Learn a CAR: the multihash, offset and length of each section. A CAR known already is left as
        it is.
        """
        keyed = [(self._key(multihash), offset, length) for multihash, offset, length in sections]
        with self._lock:
            if car in self._numbers:
                return
            if len(self._rows) + self._count + len(keyed) > MAX_ROWS:
                raise LimitExceeded(
                    f"the bucket holds more than {MAX_ROWS} blocks",
                    next_step="share them out over several prefixes",
                )
            number = self._numbers[car] = len(self._names)
            self._names.append(car)
            for key, offset, length in keyed:
                self._recent[key].append((number, offset, length))
            self._count += len(keyed)
            if self._count > max(_MERGE, len(self._rows) // _SHARE):
                self._merge()

    def drop(self, cars: Iterable[str]) -> None:
        """Forget CARs; their rows go with the next merge."""
        with self._lock:
            for car in cars:
                if (number := self._numbers.pop(car, None)) is not None:
                    self._names[number] = None

    def find(self, cid: CID) -> list[Place]:
        """Where the block lies; empty where it is in no CAR known."""
        key = self._key(cid.multihash)
        with self._lock:
            found = [*self._recent.get(key, ()), *self._search(key)]
            return [Place(name, *rest) for car, *rest in found if (name := self._names[car]) is not None]

    def _key(self, multihash: bytes) -> bytes:
        return hashlib.blake2b(multihash, digest_size=_KEY, key=self._salt).digest()

    def _search(self, key: bytes) -> Iterator[tuple[int, int, int]]:
        wanted = key.rstrip(b"\0")  # as NumPy gives fixed-width bytes back
        first = int(np.searchsorted(self._rows["key"], np.bytes_(key)))
        for row in self._rows[first:]:
            if row["key"] != wanted:
                return
            yield int(row["car"]), int(row["offset"]), int(row["length"])

    def _merge(self) -> None:
        fresh = np.array([(key, *place) for key, places in self._recent.items() for place in places], _ROW)
        rows = np.concatenate([self._rows, fresh])
        alive = np.array([name is not None for name in self._names])
        rows = rows[alive[rows["car"]]]
        rows.sort(order="key", kind="stable")
        self._rows, self._count = rows, 0
        self._recent.clear()
