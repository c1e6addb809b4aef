"""The data segment index of FRC-0058: at the end of a deal, what lies where in it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cid_store.errors import DecodeError
from cid_store.piece.cid import PieceInfo
from cid_store.piece.tree import NODE, QUAD_PADDED

ENTRY: Final = 64
"""Padded bytes of an entry: two nodes."""

_LAYOUT: Final = struct.Struct("<32sQQ16s")
_CHECKSUM: Final = 16
_LEAST_ENTRIES: Final = 4
_DATA_PER_ENTRY: Final = 2048
"""Bytes of deal per byte of index."""


def entries_of(deal_size: int) -> int:
    """How many entries the index of a deal has room for."""
    return max(_LEAST_ENTRIES, deal_size // _DATA_PER_ENTRY // ENTRY)


def index_start(deal_size: int) -> int:
    """Where the index begins, in padded bytes."""
    return deal_size - entries_of(deal_size) * ENTRY


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment of a deal: its root, and offset and size in padded bytes."""

    root: bytes
    offset: int
    size: int

    @classmethod
    def of(cls, piece: PieceInfo, offset: int) -> Self:
        """The entry of a piece that begins at `offset`."""
        return cls(piece.root, offset, piece.piece_size)

    def encode(self) -> bytes:
        """The 64 bytes as they lie in the deal, after FR32 padding."""
        bare = _LAYOUT.pack(self.root, self.offset, self.size, bytes(_CHECKSUM))
        checksum = bytearray(hashlib.sha256(bare).digest()[:_CHECKSUM])
        checksum[-1] &= 0x3F
        return _LAYOUT.pack(self.root, self.offset, self.size, checksum)

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Self:
        """The entry in 64 padded bytes. Raises `DecodeError` unless checksum and alignment hold."""
        if len(data) != ENTRY:
            raise DecodeError(f"an index entry is {ENTRY} bytes, not {len(data)}")
        root, offset, size, _ = _LAYOUT.unpack(data)
        entry = cls(root, offset, size)
        if entry.encode() != bytes(data):
            raise DecodeError("the checksum of an index entry does not match")
        if offset % QUAD_PADDED or size % QUAD_PADDED:
            raise DecodeError("an index entry points between groups of 128 bytes")
        return entry

    @property
    def nodes(self) -> tuple[bytes, bytes]:
        """The two leaves."""
        data = self.encode()
        return data[:NODE], data[NODE:]


def valid_entries(index: bytes | memoryview) -> Iterator[Entry]:
    """The entries of an index area (padded bytes) that hold; others count as empty, as FRC-0058 has it."""
    for at in range(0, len(index) - ENTRY + 1, ENTRY):
        try:
            entry = Entry.decode(index[at : at + ENTRY])
        except DecodeError:
            continue
        yield entry
