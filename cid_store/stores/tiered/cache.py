"""The front of a tiered store: a store kept under a size, and what was used in it last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import CidStoreError, StoreError, UsageError
from cid_store.pins import Keeper, Pin
from cid_store.store import Store
from cid_store.stores.local import LocalStore
from cid_store.walk import links_of

_ROOM: Final = 0.9  # share of the limit that eviction leaves in use, so that it need not run for each block


class Cache:
    """A store that can forget, under a limit of bytes. Thread-safe."""

    def __init__(self, store: Store, limit: int) -> None:
        """Raises `UsageError` for a store that can't be kept small."""
        if not isinstance(store, Keeper):
            raise UsageError(
                f"{store} can't be a cache: it collects no garbage", next_step="use a local store in front"
            )
        self.store, self.limit = store, limit
        self.keeper: Keeper = store
        self._lock = threading.Lock()
        self._evicting = threading.Lock()
        self._recent: OrderedDict[bytes, tuple[CID, int]] = OrderedDict()
        """What is held, by multihash, the least recently used first. Read when first needed."""
        self._looked = False
        self._held = 0
        self._trigger = limit

    def get(self, cid: CID) -> bytes | memoryview:
        """A block, proven, and used now. Raises `BlockNotFound`, `CorruptBlock`."""
        data = self.store.get(cid)
        with self._lock:
            self._use(cid, len(data))
        return data

    def fill(self, blocks: Sequence[Block]) -> None:
        """Keep proven blocks, and make room for them where there is none."""
        if not blocks:
            return
        try:
            self.store.put_many(blocks)
        except StoreError:
            return  # a full disk in front is no reason to fail: the back has the block
        with self._lock:
            for block in blocks:
                self._use(block.cid, len(block.data))
            over = self._held > self._trigger
        if over and self._evicting.acquire(blocking=False):
            try:
                self._evict()
            finally:
                self._evicting.release()

    def _look(self) -> None:
        if not self._looked:
            self._looked = True
            self._recent.update((cid.multihash, (cid, size)) for cid, size in _sizes(self.store))
            self._held = sum(size for _, size in self._recent.values())

    def _use(self, cid: CID, size: int) -> None:
        self._look()
        _, before = self._recent.pop(cid.multihash, (cid, 0))
        self._recent[cid.multihash] = cid, size
        self._held += size - before

    def forget(self, cids: Iterable[CID]) -> None:
        """Take note that blocks are not here any more."""
        with self._lock:
            self._look()
            for cid in cids:
                _, size = self._recent.pop(cid.multihash, (cid, 0))
                self._held -= size

    def _evict(self) -> None:
        """Keep what pins reach, then what was used last, as long as there is room."""
        kept = dict.fromkeys(_reached(self.store, self.keeper.pins()))
        with self._lock:
            sizes = {key: size for key, (_, size) in self._recent.items()}
            latest = [cid for cid, _ in reversed(self._recent.values())]
        room = int(self.limit * _ROOM) - sum(sizes.get(cid.multihash, 0) for cid in kept)
        for cid in latest:
            if cid not in kept:
                room -= sizes[cid.multihash]
                if room < 0:
                    break
                kept[cid] = None
        self.keeper.gc(kept)
        self.recount()

    def recount(self) -> None:
        """Hold the table against the front, which alone knows what a collection spared."""
        there = {cid.multihash for cid in self.store.cids()}
        with self._lock:
            gone = [cid for key, (cid, _) in self._recent.items() if key not in there]
        self.forget(gone)
        # Pins may fill the front beyond its limit: then evict when there is something new to evict.
        self._trigger = max(self.limit, self._held + self.limit // 10)


def _sizes(front: Store) -> Iterator[tuple[CID, int]]:
    """What the front holds and how large it is: on disk by the mean, because measuring would read all of
    it.
    """
    if isinstance(front, LocalStore):
        stats = front.stats()
        mean = -(-stats.bytes // max(stats.blocks, 1))
        return ((cid, mean) for cid in front.cids())
    return ((cid, len(front.get(cid))) for cid in front.cids())


def _reached(front: Store, pins: Iterable[Pin]) -> Iterator[CID]:
    """The pinned blocks that are in front, and what they lead to there."""
    seen: set[bytes] = set()
    for pin in pins:
        pending = [pin.cid]
        while pending:
            cid = pending.pop()
            if (key := cid.to_v1().binary) in seen:
                continue
            seen.add(key)
            yield cid
            if pin.kind == "recursive" and cid.codec != RAW:
                with suppress(CidStoreError):  # not here, or nothing that can be followed
                    pending += links_of(cid, front.get(cid))
