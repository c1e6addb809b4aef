"""The CARs of a place in a bucket: which are there, what is in them, adding one, writing one anew."""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from concurrent.futures import Executor

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.stores.s3.bucket import Bucket, ObjectMissing
from cid_store.stores.s3.catalog import Catalog, Place
from cid_store.stores.s3.packing import (
    MAX_INDEX,
    car_key,
    index_key,
    name_of,
    pack,
    read_blocks,
    read_sections,
    size_of,
)
from cid_store.stores.s3.ranges import Range
from cid_store.stores.s3.upload import upload


class Cars:
    """CARs and their indexes, the latter known from when they were last listed. Thread-safe."""

    def __init__(self, bucket: Bucket, pool: Executor) -> None:
        self._bucket = bucket
        self._pool = pool
        self._catalog = Catalog()
        self._refreshing = threading.Lock()
        self._begun = self._done = 0  # listings begun, and the number of the latest that ended well

    @property
    def listed(self) -> bool:
        """Whether the bucket was listed at all."""
        return self._done > 0

    @property
    def names(self) -> list[str]:
        """The CARs known, sorted."""
        return sorted(self._catalog.cars)

    def find(self, cid: CID) -> list[Place]:
        """Where the block lies, as far as is known; empty for nowhere."""
        return self._catalog.find(cid)

    def refresh(self) -> None:
        """Learn what others wrote and deleted; callers at one moment share a listing."""
        asked = self._begun
        with self._refreshing:
            if self._done > asked:  # begun after we asked
                return
            self._begun = number = self._begun + 1
            known = self._catalog.cars
            listed = {name for key in self._bucket.list("index/") if (name := name_of(key))}
            self._catalog.drop(known - listed)
            fresh = sorted(listed - known)
            for name, sections in zip(fresh, self._pool.map(self.sections, fresh), strict=True):
                if sections:
                    self._catalog.add(name, sections)
            self._done = number

    def sections(self, name: str) -> list[tuple[bytes, int, int]]:
        """Multihash, offset and length of what is in a CAR; nothing if it was deleted since it was listed."""
        try:
            return read_sections(name, self._bucket.get(index_key(name), 0, MAX_INDEX + 1))
        except ObjectMissing:
            return []

    def read(self, part: Range) -> bytes:
        """Bytes of a CAR. Raises `ObjectMissing` when it was deleted or written anew."""
        return self._bucket.get(car_key(part.car), part.start, part.end - part.start)

    def keep(self, blocks: Sequence[Block]) -> None:
        """Put blocks, each once, in a CAR; they are stored when this returns."""
        packed = pack(blocks)
        upload(self._bucket, self._pool, car_key(packed.name), packed.car)
        # Last: a CAR without an index is no part of the store.
        self._bucket.put(index_key(packed.name), packed.index)
        self._catalog.add(packed.name, packed.sections)

    def rewrite(self, name: str, dead: Set[bytes]) -> None:
        """Put what lives of a CAR in another, then delete it."""
        blocks = read_blocks(self._bucket.get(car_key(name), 0, size_of(name)))
        kept = [block for block in blocks if block.cid.multihash not in dead]
        if kept:
            self.keep(kept)
        self._bucket.delete(index_key(name))
        self._bucket.delete(car_key(name))
        self._catalog.drop([name])
