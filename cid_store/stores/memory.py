"""A store in memory: for tests, for small things in between, and as the plainest example of a backend."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import UsageError
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import Store


class MemoryStore(Store, Keeper):
    """Blocks in a dictionary. Gone with the process."""

    scheme = "memory"

    def __init__(self) -> None:
        self._blocks: dict[bytes, tuple[CID, bytes]] = {}
        self._pins: dict[CID, Pin] = {}
        self._mutex = threading.Lock()
        self._collecting: list[set[bytes]] = []
        """For each `gc` under way, the blocks put since it began."""

    def __str__(self) -> str:
        return "the store in memory"

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A new store; the URL is `memory:` and no more."""
        if url != "memory:":
            raise UsageError(f"{url!r} names no store", next_step="write `memory:`")
        return cls()

    def _read(self, cid: CID) -> bytes:
        try:
            return self._blocks[cid.multihash][1]
        except KeyError:
            raise self._missing(cid) from None

    def _write(self, blocks: Sequence[Block]) -> None:
        with self._mutex:
            for block in blocks:
                key = block.cid.multihash
                if key not in self._blocks:
                    # A copy: the caller may go on to change what the view looks at.
                    self._blocks[key] = block.cid, bytes(block.data)
                for fresh in self._collecting:
                    fresh.add(key)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        return [cid.multihash in self._blocks for cid in cids]

    def _delete(self, cids: Sequence[CID]) -> None:
        with self._mutex:
            for cid in cids:
                self._blocks.pop(cid.multihash, None)

    def _cids(self) -> Iterator[CID]:
        with self._mutex:
            held = [cid for cid, _ in self._blocks.values()]
        return iter(held)

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid`; a second pin of it replaces the first."""
        self._pins[cid] = Pin.checked(cid, kind, note)

    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""
        return self._pins.pop(cid, None) is not None

    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""
        return iter(sorted(self._pins.values(), key=lambda pin: pin.cid))

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Delete every block that `keep` does not name and that nobody puts meanwhile."""
        fresh: set[bytes] = set()
        with self._mutex:
            self._collecting.append(fresh)
        try:
            kept = {cid.multihash for cid in keep}
            with self._mutex:
                dead = [key for key in self._blocks if key not in kept and key not in fresh]
                size = sum(len(self._blocks[key][1]) for key in dead)
                if not dry_run:
                    for key in dead:
                        del self._blocks[key]
            return GcReport(len(dead), size)
        finally:
            with self._mutex:
                self._collecting = [other for other in self._collecting if other is not fresh]
