"""A cache in front of another store: reads fill it, writes reach both, and it stays under a size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Final, Self
from urllib.parse import parse_qs, urlencode

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CorruptBlock, UsageError
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import Store
from cid_store.stores.tiered.cache import Cache

DEFAULT_LIMIT: Final = 10 << 30
"""Bytes of blocks in the front, where the URL gives no limit."""

_BATCH: Final = 256  # blocks that the front is asked about at once
_FILL: Final = 16  # blocks that are written to the front at once
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
        self.front, self.back, self.limit = front, back, limit
        self._cache = Cache(front, limit)

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
            front.relax()  # what a power failure spoils comes from behind again
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
            came: list[Block] = []
            try:
                for cid, h in zip(batch, held, strict=True):
                    block = Block(cid, self.get(cid)) if h else next(behind)
                    if not h:
                        came.append(block)
                    if len(came) == _FILL:
                        self._cache.fill(came)
                        came = []
                    yield block
            finally:
                self._cache.fill(came)

    def _read(self, cid: CID) -> bytes | memoryview:
        try:
            return self._cache.get(cid)
        except BlockNotFound:
            pass
        except CorruptBlock:
            self.front.delete([cid])  # the back may have it right
        data = self.back.get(cid)
        self._cache.fill([Block(cid, data)])
        return data

    def _write(self, blocks: Sequence[Block]) -> None:
        self.back.put_many(blocks)
        self._cache.fill(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        held = self.front.has_many(cids)
        behind = iter(self.back.has_many([cid for cid, h in zip(cids, held, strict=True) if not h]))
        return [h or next(behind) for h in held]

    def _delete(self, cids: Sequence[CID]) -> None:
        self.back.delete(cids)
        self.front.delete(cids)
        self._cache.forget(cids)

    def _cids(self) -> Iterator[CID]:
        return self.back.cids()

    # -- keeping -----------------------------------------------------------------------------------------

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid` in front once it is there."""
        self._cache.keeper.pin(cid, kind, note)

    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""
        return self._cache.keeper.unpin(cid)

    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""
        return self._cache.keeper.pins()

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Empty the front but for `keep`. The back is left alone: others may live by it."""
        report = self._cache.keeper.gc(keep, dry_run=dry_run)
        if not dry_run:
            self._cache.recount()
        return report


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
