"""CARv2 indexes: where each block's section begins, by digest.

Two formats: IndexSorted (0x0400) keys by digest alone, MultihashIndexSorted (0x0401) by hash function too.
Layout: docs/spec/car.md. Offsets count from the start of the CARv1 payload; identity CIDs are never indexed.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from cid_store import multihash, varint
from cid_store.car.errors import BadIndex
from cid_store.car.sink import write_all
from cid_store.car.source import Source
from cid_store.cid import CID
from cid_store.errors import DecodeError, UsageError
from cid_store.multihash import MAX_DIGEST

INDEX_SORTED: Final = 0x0400
MULTIHASH_INDEX_SORTED: Final = 0x0401

_COUNT: Final = struct.Struct("<i")
_CODE: Final = struct.Struct("<Q")
_BUCKET: Final = struct.Struct("<IQ")  # bytes of an entry; bytes of all of them
_OFFSET: Final = struct.Struct("<Q")
_MAX_BUCKETS: Final = 1024  # widths, or hash functions: a genuine file has a handful
_PIECE: Final = 4096  # entries read at a time


class IndexEntry(NamedTuple):
    """A digest, its hash function (None in an IndexSorted) and the offset of its section in the payload."""

    hash_code: int | None
    digest: bytes
    offset: int


class _Bucket(NamedTuple):
    """Entries of one width: where they lie in the file, and how many."""

    hash_code: int | None
    width: int
    start: int
    entries: int


def entries_of(sections: Iterable[tuple[CID, int]]) -> Iterator[IndexEntry]:
    """The entries for CIDs and the offsets of their sections, identity CIDs left out."""
    for cid, offset in sections:
        if cid.hash_code != multihash.IDENTITY:
            yield IndexEntry(cid.hash_code, cid.digest, offset)


def write_index(file: BinaryIO, entries: Iterable[IndexEntry], codec: int = MULTIHASH_INDEX_SORTED) -> int:
    """Write an index; returns its bytes. The entries are held in memory, about 150 bytes each."""
    if codec not in (INDEX_SORTED, MULTIHASH_INDEX_SORTED):
        raise UsageError(f"index format 0x{codec:x} is not known", next_step="choose 0x0400 or 0x0401")
    by_code: dict[int, list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        by_code[(entry.hash_code or 0) if codec == MULTIHASH_INDEX_SORTED else 0].append(entry)
    parts = [varint.encode(codec)]
    if codec == MULTIHASH_INDEX_SORTED:
        parts.append(_COUNT.pack(len(by_code)))
        for code in sorted(by_code):
            parts += [_CODE.pack(code), *_sorted_body(by_code[code])]
    else:
        parts += _sorted_body(by_code[0])
    return sum(write_all(file, part) for part in parts)


def _sorted_body(entries: list[IndexEntry]) -> list[bytes]:
    by_width: dict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for entry in entries:
        by_width[len(entry.digest)].append((entry.digest, entry.offset))
    parts = [_COUNT.pack(len(by_width))]
    for width in sorted(by_width):
        bucket = sorted(by_width[width])
        size = width + _OFFSET.size
        parts.append(_BUCKET.pack(size, size * len(bucket)))
        parts.append(b"".join(digest + _OFFSET.pack(offset) for digest, offset in bucket))
    return parts


class Index:
    """An index in a file, searched where it lies. Its offsets are hints: what they point at is to be proven.

    Raises `BadIndex` when its frame does not add up; the order of its entries is not checked here.
    """

    def __init__(self, source: Source, start: int = 0) -> None:
        self._source = source
        self._at = start
        if start >= source.size:
            raise BadIndex(
                f"the index is said to begin at {start}, after the end of the file at {source.size}"
            )
        head = source.read_at(start, 9)
        try:
            self.codec, width = varint.decode(head)
        except DecodeError as e:
            raise BadIndex(f"the index has no format: {e.message}") from None
        self._at += width
        self._buckets = list(self._frame())

    def find(self, cid: CID) -> Iterator[int]:
        """The offsets of the sections that may hold `cid`, as the index has them."""
        for bucket in self._buckets:
            if bucket.hash_code in (None, cid.hash_code) and bucket.width - _OFFSET.size == len(cid.digest):
                yield from self._search(bucket, cid.digest)

    def __iter__(self) -> Iterator[IndexEntry]:
        for bucket in self._buckets:
            for first in range(0, bucket.entries, _PIECE):
                count = min(_PIECE, bucket.entries - first)
                data = self._read(bucket.start + first * bucket.width, count * bucket.width)
                for at in range(0, len(data), bucket.width):
                    yield self._entry(bucket, data[at : at + bucket.width])

    def _entry(self, bucket: _Bucket, data: bytes) -> IndexEntry:
        return IndexEntry(bucket.hash_code, data[: -_OFFSET.size], _OFFSET.unpack(data[-_OFFSET.size :])[0])

    def _search(self, bucket: _Bucket, digest: bytes) -> Iterator[int]:
        low, high = 0, bucket.entries
        while low < high:
            middle = (low + high) // 2
            if self._nth(bucket, middle).digest < digest:
                low = middle + 1
            else:
                high = middle
        while low < bucket.entries and (entry := self._nth(bucket, low)).digest == digest:
            yield entry.offset
            low += 1

    def _nth(self, bucket: _Bucket, n: int) -> IndexEntry:
        return self._entry(bucket, self._read(bucket.start + n * bucket.width, bucket.width))

    def _frame(self) -> Iterator[_Bucket]:
        if self.codec == INDEX_SORTED:
            yield from self._widths(None)
        elif self.codec == MULTIHASH_INDEX_SORTED:
            for _ in range(self._count("hash functions")):
                (code,) = _CODE.unpack(self._next(_CODE.size))
                yield from self._widths(code)
        else:
            raise BadIndex(f"index format 0x{self.codec:x} is not known")

    def _widths(self, hash_code: int | None) -> Iterator[_Bucket]:
        for _ in range(self._count("widths")):
            width, size = _BUCKET.unpack(self._next(_BUCKET.size))
            if not _OFFSET.size <= width <= MAX_DIGEST + _OFFSET.size or size % width:
                raise BadIndex(f"the index has {size} bytes of entries of {width} bytes")
            if self._at + size > self._source.size:
                raise BadIndex(f"the index claims {size} bytes of entries and is cut short")
            yield _Bucket(hash_code, width, self._at, size // width)
            self._at += size

    def _count(self, what: str) -> int:
        count: int = _COUNT.unpack(self._next(_COUNT.size))[0]
        if not 0 <= count <= _MAX_BUCKETS:
            raise BadIndex(f"the index claims {count} {what}; at most {_MAX_BUCKETS} are believed")
        return count

    def _next(self, size: int) -> bytes:
        data = self._read(self._at, size)
        self._at += size
        return data

    def _read(self, offset: int, size: int) -> bytes:
        data = self._source.read_at(offset, size)
        if len(data) < size:
            raise BadIndex(f"the index is cut short at {offset}")
        return data


def read_index(source: Source, start: int = 0) -> list[IndexEntry]:
    """Every entry of an index, proven to be in order; raises `BadIndex`."""
    entries = list(Index(source, start))
    if [_order(e) for e in entries] != sorted(_order(e) for e in entries):
        raise BadIndex("the index is not sorted by hash function, width and digest")
    return entries


def _order(entry: IndexEntry) -> tuple[int, int, bytes]:
    return entry.hash_code or 0, len(entry.digest), entry.digest
