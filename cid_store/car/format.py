"""The fixed parts of a CAR: limits, pragma, headers.

Source: the CARv1 and CARv2 specifications of IPLD; the limits are go-car's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cid_store import varint
from cid_store.car.errors import BadCarHeader
from cid_store.cid import CID
from cid_store.codecs import dag_cbor
from cid_store.errors import DecodeError, LimitExceeded

MAX_HEADER: Final = 32 << 20
"""Bytes of a CARv1 header, at most."""

MAX_SECTION: Final = 8 << 20
"""Bytes of CID and block together, at most."""

PRAGMA: Final = bytes.fromhex("0aa16776657273696f6e02")
"""How a CARv2 begins: a header that a reader of version 1 can parse and refuse."""

_V2: Final = struct.Struct("<16sQQQ")
V2_HEADER_SIZE: Final = _V2.size
PAYLOAD_START: Final = len(PRAGMA) + V2_HEADER_SIZE
"""The least offset of the payload in a CARv2."""

_FULLY_INDEXED: Final = 0x80  # of the first byte


@dataclass(frozen=True, slots=True)
class HeaderV2:
    """The CARv2 header, in bytes from the start of the file; `index_offset` 0 for no index."""

    data_offset: int
    data_size: int
    index_offset: int
    fully_indexed: bool = False

    def encode(self) -> bytes:
        """The forty bytes after the pragma."""
        characteristics = bytes([_FULLY_INDEXED if self.fully_indexed else 0]).ljust(16, b"\x00")
        return _V2.pack(characteristics, self.data_offset, self.data_size, self.index_offset)

    @classmethod
    def decode(cls, data: bytes) -> HeaderV2:
        """The header of forty bytes; raises `BadCarHeader` on offsets that can't be."""
        characteristics, data_offset, data_size, index_offset = _V2.unpack(data)
        if data_offset < PAYLOAD_START:
            raise BadCarHeader(
                f"CARv2 payload at {data_offset} overlaps its header, which ends at {PAYLOAD_START}"
            )
        if data_offset + data_size >= 1 << 63:
            raise BadCarHeader(f"CARv2 payload of {data_size} bytes at {data_offset} is beyond any file")
        if index_offset and index_offset < data_offset + data_size:
            raise BadCarHeader(f"CARv2 index at {index_offset} overlaps the payload")
        return cls(data_offset, data_size, index_offset, bool(characteristics[0] & _FULLY_INDEXED))


def encode_header(roots: Iterable[CID]) -> bytes:
    """A CARv1 header with its length."""
    body = dag_cbor.encode({"roots": list(roots), "version": 1})
    return varint.encode(len(body)) + body


def decode_header(body: bytes) -> tuple[int, list[CID]]:
    """Version and roots of a header without its length; a CARv2 pragma has none. Raises `BadCarHeader`."""
    try:
        value = dag_cbor.decode(body)
    except (DecodeError, LimitExceeded) as e:
        raise BadCarHeader(f"the CAR header is {e.message}") from None
    if not isinstance(value, dict) or type(value.get("version")) is not int:
        raise BadCarHeader("the CAR header states no version")
    version, roots = value["version"], value.get("roots")
    if value == {"version": 2}:
        return 2, []
    if version != 1:
        raise BadCarHeader(f"CAR version {version} is not known")
    if value.keys() != {"roots", "version"}:
        raise BadCarHeader("a CARv1 header holds `roots` and `version` and nothing else")
    if not isinstance(roots, list) or not all(type(root) is CID for root in roots):
        raise BadCarHeader("the roots of a CAR are a list of links")
    return 1, roots


def section_head(cid: CID, size: int) -> bytes:
    """What precedes a block of `size` bytes in a CAR: the section's length and the CID."""
    binary = cid.binary
    return varint.encode(len(binary) + size) + binary


def car_size(roots: Sequence[CID], sizes: Iterable[tuple[CID, int]]) -> int:
    """Bytes of the CARv1 with these roots and blocks (CID, bytes of the block)."""
    return len(encode_header(roots)) + sum(len(section_head(cid, size)) + size for cid, size in sizes)
