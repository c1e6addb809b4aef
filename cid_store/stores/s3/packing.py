"""From blocks to the two objects that keep them, and back. Pure: no request is made here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import zip_longest
from typing import Final

from cid_store import multihash, varint
from cid_store.block import Block
from cid_store.car import BadIndex, Index, IndexEntry, entries_of, open_car, write_index
from cid_store.car.section import read_section
from cid_store.car.source import cursor
from cid_store.car.writer import PayloadWriter
from cid_store.cid import CID
from cid_store.errors import CorruptBlock, DecodeError, LimitExceeded
from cid_store.store import MAX_BLOCK

MAX_INDEX: Final = 32 << 20
"""Bytes of an index object, at most: ten times what the most blocks of a CAR need."""

_NAME: Final = re.compile(r"index/([0-9a-f]{64}-[1-9][0-9]{0,12})\.idx\Z")
_MAX_HEAD: Final = 256  # bytes before a block in its section: a length and a CID


@dataclass(frozen=True, slots=True)
class Packed:
    """A CARv1 without roots, its index, and where each multihash's section lies in it."""

    name: str
    car: memoryview
    index: bytes
    sections: tuple[tuple[bytes, int, int], ...]


class Bytes:
    """Bytes in memory, read as a CAR's file is."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`."""
        return self._data[offset : offset + size]

    def close(self) -> None:
        """Nothing to release."""


def pack(blocks: Sequence[Block]) -> Packed:
    """The same blocks in the same order give the same bytes and name, so that a broken upload can go on."""
    file = BytesIO()
    payload = PayloadWriter(file, [])
    entries = list(entries_of([(block.cid, payload.add(block)) for block in blocks]))
    car = memoryview(file.getvalue())  # shares the bytes, and lets the file go
    index = BytesIO()
    write_index(index, entries)
    name = f"{hashlib.sha256(car).hexdigest()}-{len(car)}"
    return Packed(name, car, index.getvalue(), tuple(_sections(entries, len(car))))


def car_key(name: str) -> str:
    """The key of a CAR object."""
    return f"car/{name}.car"


def index_key(name: str) -> str:
    """The key of its index. The CAR counts as stored once this object is there."""
    return f"index/{name}.idx"


def name_of(key: str) -> str | None:
    """The CAR that an index object belongs to; None for a key of another form."""
    match = _NAME.match(key)
    return match[1] if match else None


def size_of(name: str) -> int:
    """Bytes of a CAR, which its name states."""
    return int(name.partition("-")[2])


def block_size(multihash: bytes, length: int) -> int:
    """Bytes of the block in a section of `length` bytes, if its CID has the usual form: version 1, a
    codec of a byte.
    """
    for width in range(1, 5):
        size = length - width - 2 - len(multihash)
        if len(varint.encode(max(length - width, 0))) == width:
            return max(size, 0)
    return max(length, 0)


def read_sections(name: str, data: bytes) -> list[tuple[bytes, int, int]]:
    """The multihash, offset and length of each section as an index object has them. Raises `BadIndex`."""
    if len(data) > MAX_INDEX:
        raise BadIndex(f"the index of CAR {name} has more than {MAX_INDEX} bytes")
    try:
        return list(_sections(list(Index(Bytes(data))), size_of(name)))
    except BadIndex as e:
        raise BadIndex(
            f"index of CAR {name}: {e.message}",
            next_step=f"delete {index_key(name)} and put the blocks again",
        ) from None


def read_block(cid: CID, data: bytes, where: str) -> bytes:
    """The block `cid` of the section that `data` begins with, unproven. Raises `CorruptBlock` for another
    section.
    """
    try:
        block = read_section(cursor(Bytes(data), 0, len(data)))
    except (DecodeError, LimitExceeded) as e:
        raise CorruptBlock(f"{where} does not hold block {cid}: {e.message}", cid=cid) from None
    if block.cid.multihash != cid.multihash:
        raise CorruptBlock(f"{where} holds {block.cid} where the index has {cid}", cid=cid)
    return bytes(block.data)


def read_blocks(data: bytes) -> Iterator[Block]:
    """Every block of a CAR object, unproven."""
    with open_car(BytesIO(data)) as car:
        yield from car.blocks(verify=False)


def _sections(entries: Sequence[IndexEntry], size: int) -> Iterator[tuple[bytes, int, int]]:
    # A section ends at the latest where the next begins: the index has no lengths.
    ordered = sorted(entries, key=lambda entry: entry.offset)
    for entry, following in zip_longest(ordered, ordered[1:]):
        end = size if following is None else following.offset
        if entry.hash_code is None or entry.offset >= size:
            raise BadIndex(f"an entry without hash function, or at {entry.offset} of {size} bytes")
        length = min(end - entry.offset, MAX_BLOCK + _MAX_HEAD)
        yield multihash.encode(entry.hash_code, entry.digest), entry.offset, length
