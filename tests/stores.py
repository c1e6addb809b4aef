"""Stores in memory that tests count on, and spoil."""

from __future__ import annotations

from cid_store.cid import CID
from cid_store.store import Store
from cid_store.stores.memory import MemoryStore


class CountingStore(MemoryStore):
    """Remembers in `reads` what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[CID] = []

    def _read(self, cid: CID) -> bytes:
        self.reads.append(cid)
        return super()._read(cid)


def spoil(store: Store, cid: CID) -> None:
    """Change one byte of a block that a store in memory holds."""
    assert isinstance(store, MemoryStore)
    named, data = store._blocks[cid.multihash]
    store._blocks[cid.multihash] = named, bytes([data[0] ^ 1]) + data[1:]
