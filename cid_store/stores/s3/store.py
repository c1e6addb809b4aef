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
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import Store
from cid_store.stores.s3 import pins as pin_objects
from cid_store.stores.s3.bucket import IN_FLIGHT, Bucket, ObjectMissing
from cid_store.stores.s3.cars import Cars
from cid_store.stores.s3.catalog import Place
from cid_store.stores.s3.location import Location
from cid_store.stores.s3.packing import block_size, read_block
from cid_store.stores.s3.ranges import Range, coalesce

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


class S3Store(Store, Keeper):
    """Blocks in CARs in a bucket. Writers need no lock; `delete` must be alone, or may be undone by
    others.
    """

    scheme = "s3"

    def __init__(self, location: Location) -> None:
        self.bucket = Bucket(location)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3")
        self._cars = Cars(self.bucket, self._pool)
        self._deciding = threading.Lock()
        """Held while it is decided what need not be written, and while a CAR is deleted: never both."""
        self._collecting: list[set[bytes]] = []
        """For each `gc` under way, the blocks put since it began."""

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
        with self._deciding:
            self._spare(block.cid for block in blocks)
            if any(self._cars.find(block.cid) for block in blocks):
                self._cars.refresh()  # another process may have deleted what we remember
            fresh = {block.cid.multihash: block for block in blocks if not self._cars.find(block.cid)}
        if fresh:
            self._cars.keep(list(fresh.values()))

    def _delete(self, cids: Sequence[CID]) -> None:
        self._cars.refresh()
        dead = {cid.multihash for cid in cids}
        for name in {place.car for cid in cids for place in self._cars.find(cid)}:
            with self._deciding:
                self._cars.rewrite(name, dead)

    # -- keeping ---------------------------------------------------------------------------------------------

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid`; a second pin of it replaces the first. Pins are shared by all who use the bucket."""
        pin_objects.save(self.bucket, Pin.checked(cid, kind, note))

    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""
        return pin_objects.drop(self.bucket, cid)

    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""
        return pin_objects.load(self.bucket, self._pool)

    def touch(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these blocks are held; a `gc` of this store object that is under way spares them."""
        with self._deciding:
            self._spare(cids)
        return self.has_many(cids)

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Delete every block that `keep` does not name, but for those that others put meanwhile.

        Only what is put through this object is seen to be put again: other processes must not write
        meanwhile. Bytes are counted without reading, from the places of sections.
        """
        fresh: set[bytes] = set()
        self._cars.refresh()
        cars = self._cars.names
        with self._deciding:
            self._collecting.append(fresh)
        try:
            kept = {cid.multihash for cid in keep}
            dead: dict[bytes, int] = {}
            for name in cars:
                with self._deciding:
                    sections = self._cars.sections(name)
                    here = {key: n for key, _, n in sections if key not in kept and key not in fresh}
                    dead.update(here)
                    if here and not dry_run:
                        self._cars.rewrite(name, here.keys())
        finally:
            with self._deciding:
                self._collecting = [other for other in self._collecting if other is not fresh]
        return GcReport(len(dead), sum(block_size(key, length) for key, length in dead.items()))

    def _spare(self, cids: Iterable[CID]) -> None:
        """Keep these from every `gc` under way; the caller holds the lock."""
        if self._collecting:
            keys = {cid.multihash for cid in cids}
            for fresh in self._collecting:
                fresh.update(keys)

    # -- reading -----------------------------------------------------------------------------------------

    def _read(self, cid: CID) -> bytes:
        for refresh in (False, True):
            if refresh:
                self._cars.refresh()
            for place in self._cars.find(cid):
                try:
                    body = self._cars.read(Range(place.car, place.offset, place.offset + place.length))
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
        if not self._cars.listed:
            self._cars.refresh()  # or no length is known, and a window has no bound
        cids: list[CID] = []
        size = 0
        for cid in asked:
            cids.append(cid)
            size += sum(place.length for place in self._cars.find(cid)[:1])
            if len(cids) == _WINDOW or size >= _WINDOW_BYTES:
                break
        if not cids:
            return None
        self._has(cids)
        places = {cid: found[0] for cid in cids if (found := self._cars.find(cid))}
        ranges = coalesce(places.values())
        bodies = {r: self._pool.submit(self._cars.read, r) for r in dict.fromkeys(ranges.values())}
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

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        held = [bool(self._cars.find(cid)) for cid in cids]
        wanted = [
            cid for cid, h in zip(cids, held, strict=True) if not h and cid.hash_code != multihash.IDENTITY
        ]
        if not wanted:
            return held
        self._cars.refresh()
        return [bool(self._cars.find(cid)) for cid in cids]

    def _cids(self) -> Iterator[CID]:
        """As raw blocks: an index keeps multihashes, and no codec."""
        self._cars.refresh()
        seen: set[bytes] = set()
        for name in self._cars.names:
            for hashed, _, _ in self._cars.sections(name):
                if hashed not in seen:
                    seen.add(hashed)
                    code, digest, _ = multihash.decode(hashed)
                    yield CID.build(RAW, code, digest)
