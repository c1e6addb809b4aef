"""A cache in front of another store: reads fill it, writes reach both, and it stays under a size."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Final, Self
from urllib.parse import parse_qs, urlencode

from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, CidStoreError, CorruptBlock, StoreError, UsageError
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import Store
from cid_store.stores.local import LocalStore
from cid_store.walk import links_of

DEFAULT_LIMIT: Final = 10 << 30
"""Bytes of blocks in the front, where the URL gives no limit."""

_ROOM: Final = 0.9  # share of the limit that eviction leaves in use, so that it need not run for each block
_BATCH: Final = 256  # blocks that the front is asked about at once
_SIZE: Final = re.compile(r"([1-9][0-9]{0,15})(?:([KMGT])iB)?\Z")
_FORM: Final = "write tiered:?front=URL&back=URL&limit=10GiB"


def tiered_url(*, front: str, back: str, limit: str = "10GiB") -> str:
    """The URL of a tiered store over two stores' URLs."""
    return f"tiered:?{urlencode({'front': front, 'back': back, 'limit': limit})}"


class TieredStore(Store, Keeper):
    """Reads from `front`, then from `back`, keeping in front what came; writes to `back` first, then to
    `front`.

    The front is a cache that nobody else writes to: a block is stored when the back has it. Pins are the
    front's: what they reach is never evicted.
    """

    scheme = "tiered"

    def __init__(self, front: Store, back: Store, limit: int = DEFAULT_LIMIT) -> None:
        """Raises `UsageError` for a front that can't be kept small."""
        if not isinstance(front, Keeper):
            raise UsageError(
                f"{front} can't be a cache: it collects no garbage", next_step="use a local store in front"
            )
        self.front, self.back, self.limit = front, back, limit
        self._keeper: Keeper = front
        self._lock = threading.Lock()
        self._evicting = threading.Lock()
        self._recent: OrderedDict[bytes, tuple[CID, int]] = OrderedDict()
        """What the front holds, by multihash, the least recently used first. Read when first needed."""
        self._looked = False
        self._held = 0
        self._trigger = limit

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store of `tiered:?front=URL&back=URL&limit=10GiB`."""
        from cid_store.stores import open_store

        query = parse_qs(url.partition("?")[2])
        if not {"front", "back"} <= query.keys() or query.keys() - {"front", "back", "limit"}:
            raise UsageError("a tiered store has a front, a back, and may have a limit", next_step=_FORM)
        limit = _bytes(query["limit"][0]) if "limit" in query else DEFAULT_LIMIT
        with ExitStack() as opened:
            front = opened.enter_context(open_store(query["front"][0]))
            back = opened.enter_context(open_store(query["back"][0]))
            store = cls(front, back, limit)
            opened.pop_all()
        return store

    def __str__(self) -> str:
        return f"{self.back} behind {self.front}"

    def relax(self) -> None:
        """Relax both."""
        self.front.relax()
        self.back.relax()

    def persist(self, cids: Iterable[CID]) -> None:
        """Persist what is behind: a cache may be lost."""
        self.back.persist(cids)

    def close(self) -> None:
        """Close both."""
        self.front.close()
        self.back.close()

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in order; what the front lacks comes from the back, fetched ahead."""
        for batch in _batches(cids):
            held = self.front.has_many(batch)
            behind = self.back.get_many([cid for cid, h in zip(batch, held, strict=True) if not h])
            for cid, h in zip(batch, held, strict=True):
                if h:
                    yield Block(cid, self.get(cid))
                else:
                    block = next(behind)
                    self._cache([block])
                    yield block

    def _read(self, cid: CID) -> bytes | memoryview:
        try:
            data = self.front.get(cid)
        except BlockNotFound:
            pass
        except CorruptBlock:
            self.front.delete([cid])  # the back may have it right
        else:
            with self._lock:
                self._use(cid, len(data))
            return data
        data = self.back.get(cid)
        self._cache([Block(cid, data)])
        return data

    def _write(self, blocks: Sequence[Block]) -> None:
        self.back.put_many(blocks)
        self._cache(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        held = self.front.has_many(cids)
        behind = iter(self.back.has_many([cid for cid, h in zip(cids, held, strict=True) if not h]))
        return [h or next(behind) for h in held]

    def _delete(self, cids: Sequence[CID]) -> None:
        self.back.delete(cids)
        self.front.delete(cids)
        self._forget(cids)

    def _cids(self) -> Iterator[CID]:
        return self.back.cids()

    # -- keeping -----------------------------------------------------------------------------------------

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid` in front once it is there."""
        self._keeper.pin(cid, kind, note)

    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""
        return self._keeper.unpin(cid)

    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""
        return self._keeper.pins()

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Empty the front but for `keep`. The back is left alone: others may live by it."""
        report = self._keeper.gc(keep, dry_run=dry_run)
        if not dry_run:
            self._look_again()
        return report

    # -- the cache ---------------------------------------------------------------------------------------

    def _cache(self, blocks: Sequence[Block]) -> None:
        try:
            self.front.put_many(blocks)
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
            self._recent.update((cid.multihash, (cid, size)) for cid, size in _sizes(self.front))
            self._held = sum(size for _, size in self._recent.values())

    def _use(self, cid: CID, size: int) -> None:
        self._look()
        _, before = self._recent.pop(cid.multihash, (cid, 0))
        self._recent[cid.multihash] = cid, size
        self._held += size - before

    def _forget(self, cids: Iterable[CID]) -> None:
        with self._lock:
            self._look()
            for cid in cids:
                _, size = self._recent.pop(cid.multihash, (cid, 0))
                self._held -= size

    def _evict(self) -> None:
        """Keep what pins reach, then what was used last, as long as there is room."""
        kept = dict.fromkeys(_reached(self.front, self._keeper.pins()))
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
        self._keeper.gc(kept)
        self._look_again()

    def _look_again(self) -> None:
        """Hold the table against the front, which alone knows what a collection spared."""
        there = {cid.multihash for cid in self.front.cids()}
        with self._lock:
            gone = [cid for key, (cid, _) in self._recent.items() if key not in there]
        self._forget(gone)
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


def _batches(cids: Iterable[CID]) -> Iterator[list[CID]]:
    asked = iter(cids)
    while batch := list(islice(asked, _BATCH)):
        yield batch


def _bytes(text: str) -> int:
    """A size such as `500MiB`; raises `UsageError`."""
    match = _SIZE.match(text)
    if not match:
        raise UsageError(
            f"{text[:40]!r} is no size", next_step="write a number of bytes, or one with KiB, MiB, GiB or TiB"
        )
    return int(match[1]) << 10 * (" KMGT".index(match[2] or " "))
