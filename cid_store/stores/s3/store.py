"""The store over a bucket. What it promises, and what deleting costs: docs/spec/s3-store.md."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

from cid_store import multihash
from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.store import Store
from cid_store.stores.s3.bucket import IN_FLIGHT, Bucket, ObjectMissing
from cid_store.stores.s3.catalog import Catalog, Place
from cid_store.stores.s3.location import Location
from cid_store.stores.s3.packing import (
    MAX_INDEX,
    car_key,
    index_key,
    name_of,
    pack,
    read_block,
    read_blocks,
    read_sections,
    size_of,
)
from cid_store.stores.s3.ranges import Range, coalesce
from cid_store.stores.s3.upload import upload

CAR_BYTES: Final = 64 << 20
CAR_BLOCKS: Final = 1 << 16
"""How many bytes of blocks, and blocks, `put_many` gathers for one CAR. Memory: twice that."""

_WINDOW: Final = 256  # blocks that `get_many` asks for at once; it has two such windows under way
_WINDOW_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class _Window:
    """Blocks asked for together, where each lies, and the ranges on their way."""

    cids: list[CID]
    places: dict[CID, Place]
    ranges: dict[Place, Range]
    bodies: dict[Range, Future[bytes]]


class S3Store(Store):
    """Blocks in CARs in a bucket. Writers need no lock; `delete` must be alone, or may be undone by
    others.
    """

    scheme = "s3"

    def __init__(self, location: Location) -> None:
        self.bucket = Bucket(location)
        self._catalog = Catalog()
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3")
        self._refreshing = threading.Lock()
        self._listings = self._listed = 0  # begun, and the latest that ended well

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store of `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`. No request is made yet."""
        return cls(Location.from_url(url))

    def __str__(self) -> str:
        return str(self.bucket.location)

    def close(self) -> None:
        """Stop the threads and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self.bucket.close()

    # -- writing -----------------------------------------------------------------------------------------

    def put_many(self, blocks: Iterable[Block]) -> int:
        """Keep blocks, each proven, in CARs of `CAR_BYTES`: one is uploaded while the next is gathered."""
        batch: list[Block] = []
        count = size = 0
        under_way: Future[None] | None = None
        with ThreadPoolExecutor(1) as uploader:
            for block in blocks:
                batch.append(block.check())
                count, size = count + 1, size + len(block.data)
                if len(batch) == CAR_BLOCKS or size >= CAR_BYTES:
                    if under_way is not None:
                        under_way.result()
                    under_way = uploader.submit(self._put_checked, batch)
                    batch, size = [], 0
            if under_way is not None:
                under_way.result()
        if batch:
            self._put_checked(batch)
        return count

    def _write(self, blocks: Sequence[Block]) -> None:
        if any(self._catalog.find(block.cid) for block in blocks):
            self._refresh()  # another process may have deleted what we remember
        fresh = {block.cid.multihash: block for block in blocks if not self._catalog.find(block.cid)}
        if fresh:
            self._keep(list(fresh.values()))

    def _keep(self, blocks: Sequence[Block]) -> None:
        packed = pack(blocks)
        upload(self.bucket, self._pool, car_key(packed.name), packed.car)
        # Last: a CAR without an index is no part of the store.
        self.bucket.put(index_key(packed.name), packed.index)
        self._catalog.add(packed.name, packed.sections)

    def _delete(self, cids: Sequence[CID]) -> None:
        self._refresh()
        dead = {cid.multihash for cid in cids}
        for name in {place.car for cid in cids for place in self._catalog.find(cid)}:
            blocks = read_blocks(self.bucket.get(car_key(name), 0, size_of(name)))
            kept = [block for block in blocks if block.cid.multihash not in dead]
            if kept:
                self._keep(kept)
            self.bucket.delete(index_key(name))
            self.bucket.delete(car_key(name))
            self._catalog.drop([name])

    # -- reading -----------------------------------------------------------------------------------------

    def _read(self, cid: CID) -> bytes:
        for refresh in (False, True):
            if refresh:
                self._refresh()
            for place in self._catalog.find(cid):
                try:
                    body = self._fetch(Range(place.car, place.offset, place.offset + place.length))
                except ObjectMissing:
                    continue  # deleted or rewritten since we looked
                return read_block(cid, body, place.car)
        raise self._missing(cid)

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in order, each proven; what lies together comes together, two windows ahead of the
        reader.
        """
        asked = iter(cids)
        ahead: deque[_Window] = deque()
        while True:
            while len(ahead) < 2 and (window := self._ask(asked)):
                ahead.append(window)
            if not ahead:
                return
            yield from self._deliver(ahead.popleft())

    def _ask(self, asked: Iterator[CID]) -> _Window | None:
        if not self._listed:
            self._refresh()  # or no length is known, and a window has no bound
        cids: list[CID] = []
        size = 0
        for cid in asked:
            cids.append(cid)
            size += sum(place.length for place in self._catalog.find(cid)[:1])
            if len(cids) == _WINDOW or size >= _WINDOW_BYTES:
                break
        if not cids:
            return None
        self._has(cids)
        places = {cid: found[0] for cid in cids if (found := self._catalog.find(cid))}
        ranges = coalesce(places.values())
        bodies = {r: self._pool.submit(self._fetch, r) for r in dict.fromkeys(ranges.values())}
        return _Window(cids, places, ranges, bodies)

    def _deliver(self, window: _Window) -> Iterator[Block]:
        for cid in window.cids:
            place = window.places.get(cid)
            if place is None or cid.hash_code == multihash.IDENTITY:
                yield Block(cid, self.get(cid))
                continue
            whole = window.ranges[place]
            try:
                body = window.bodies[whole].result()
            except ObjectMissing:  # deleted or rewritten since we looked
                yield Block(cid, self.get(cid))
                continue
            start = place.offset - whole.start
            yield Block(cid, read_block(cid, body[start : start + place.length], place.car)).check()

    def _fetch(self, part: Range) -> bytes:
        return self.bucket.get(car_key(part.car), part.start, part.end - part.start)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        held = [bool(self._catalog.find(cid)) for cid in cids]
        wanted = [
            cid for cid, h in zip(cids, held, strict=True) if not h and cid.hash_code != multihash.IDENTITY
        ]
        if not wanted:
            return held
        self._refresh()
        return [bool(self._catalog.find(cid)) for cid in cids]

    def _cids(self) -> Iterator[CID]:
        """As raw blocks: an index keeps multihashes, and no codec."""
        self._refresh()
        seen: set[bytes] = set()
        for name in sorted(self._catalog.cars):
            for hashed, _, _ in self._sections(name):
                if hashed not in seen:
                    seen.add(hashed)
                    code, digest, _ = multihash.decode(hashed)
                    yield CID.build(RAW, code, digest)

    # -- the indexes -------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Learn what others wrote and deleted; callers at one moment share a listing."""
        asked = self._listings
        with self._refreshing:
            if self._listed > asked:  # begun after we asked
                return
            self._listings = number = self._listings + 1
            known = self._catalog.cars
            listed = {name for key in self.bucket.list("index/") if (name := name_of(key))}
            self._catalog.drop(known - listed)
            fresh = sorted(listed - known)
            for name, sections in zip(fresh, self._pool.map(self._sections, fresh), strict=True):
                if sections:
                    self._catalog.add(name, sections)
            self._listed = number

    def _sections(self, name: str) -> list[tuple[bytes, int, int]]:
        try:
            return read_sections(name, self.bucket.get(index_key(name), 0, MAX_INDEX + 1))
        except ObjectMissing:
            return []  # deleted since the listing
