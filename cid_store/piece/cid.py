"""Piece CIDs of both versions, and what a piece is.

Version 1 holds the root alone. Version 2 (FRC-0069) holds padding, height and root, so that it also says
how long tree and payload are; it can be turned into version 1, never back without the sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cid_store import varint
from cid_store.cid import CID, RAW
from cid_store.errors import DecodeError, InvalidCID
from cid_store.piece.tree import (
    MAX_LEVEL,
    NODE,
    QUAD,
    QUAD_LEVEL,
    InvalidPieceSize,
    capacity,
    check_piece_size,
    grow,
    level_of,
    piece_size_of,
)

FIL_COMMITMENT_UNSEALED: Final = 0xF101
SHA2_256_TRUNC254_PADDED: Final = 0x1012
FR32_TREE: Final = 0x1011
"""fr32-sha256-trunc254-padbintree."""


@dataclass(frozen=True, slots=True)
class PieceInfo:
    """A payload, padded to a piece: the tree's root (32 bytes), and both sizes in bytes."""

    root: bytes
    payload_size: int
    piece_size: int

    def __post_init__(self) -> None:
        _check_root(self.root)
        check_piece_size(self.piece_size)
        if not 0 <= self.payload_size <= capacity(self.piece_size):
            raise InvalidPieceSize(
                f"a piece of {self.piece_size} bytes can't hold a payload of {self.payload_size}"
            )

    @property
    def piece_cid(self) -> CID:
        """Version 1: what deals are made with, beside the piece size."""
        return piece_cid_v1(self.root)

    @property
    def piece_cid_v2(self) -> CID:
        """Version 2. A piece padded beyond need counts its zeros as payload: FRC-0069 has no other form
        for it."""
        natural = self.piece_size == piece_size_of(self.payload_size)
        return piece_cid_v2(self.root, self.payload_size if natural else capacity(self.piece_size))

    def padded_to(self, piece_size: int) -> PieceInfo:
        """The same payload in a larger piece. Raises `InvalidPieceSize` if it is smaller or no piece size."""
        if check_piece_size(piece_size) < self.piece_size:
            raise InvalidPieceSize(f"a piece of {self.piece_size} bytes does not fit in {piece_size}")
        root = grow(self.root, level_of(self.piece_size), level_of(piece_size))
        return PieceInfo(root, self.payload_size, piece_size)


def piece_cid_v1(root: bytes) -> CID:
    """The v1 CID of a root."""
    return CID.build(FIL_COMMITMENT_UNSEALED, SHA2_256_TRUNC254_PADDED, _check_root(root))


def piece_cid_v2(root: bytes, payload_size: int) -> CID:
    """The v2 CID of the smallest piece that holds `payload_size` bytes."""
    size = piece_size_of(payload_size)
    padding = varint.encode(capacity(size) - payload_size)
    return CID.build(RAW, FR32_TREE, padding + bytes([level_of(size)]) + _check_root(root))


def parse_v1(cid: CID) -> bytes:
    """The root in a v1 piece CID. Raises `InvalidCID`."""
    if (cid.codec, cid.hash_code) != (FIL_COMMITMENT_UNSEALED, SHA2_256_TRUNC254_PADDED):
        raise InvalidCID(f"{cid} is no v1 piece CID", cid=cid)
    return _check_root(cid.digest, cid)


def parse_v2(cid: CID) -> PieceInfo:
    """Root and sizes in a v2 piece CID. Raises `InvalidCID`."""
    if (cid.codec, cid.hash_code) != (RAW, FR32_TREE):
        raise InvalidCID(f"{cid} is no v2 piece CID", cid=cid)
    try:
        padding, at = varint.decode(cid.digest)
    except DecodeError as e:
        raise InvalidCID(f"the padding in {cid} is malformed: {e}", cid=cid) from None
    if len(cid.digest) != at + 1 + NODE:
        raise InvalidCID(f"{cid} does not hold padding, height and a root of {NODE} bytes", cid=cid)
    height, root = cid.digest[at], cid.digest[at + 1 :]
    if not QUAD_LEVEL <= height <= MAX_LEVEL:
        raise InvalidCID(f"{cid} claims a tree of height {height}", cid=cid)
    full = QUAD << (height - QUAD_LEVEL)
    if padding > full or piece_size_of(full - padding) != NODE << height:
        raise InvalidCID(
            f"{cid} claims {padding} bytes of padding, which a smaller tree would do without", cid=cid
        )
    return PieceInfo(_check_root(root, cid), full - padding, NODE << height)


def to_v1(cid: CID) -> CID:
    """The v1 form of a piece CID of either version. Raises `InvalidCID`."""
    if cid.hash_code == FR32_TREE:
        return piece_cid_v1(parse_v2(cid).root)
    parse_v1(cid)
    return cid


def piece_info(cid: CID, piece_size: int | None = None) -> PieceInfo:
    """What a piece CID names. For v1 `piece_size` is needed, and the whole piece counts as payload.

    Raises `InvalidCID`, and `InvalidPieceSize` where the size is missing or another than the CID's.
    """
    if cid.hash_code == FR32_TREE:
        info = parse_v2(cid)
        if piece_size not in (None, info.piece_size):
            raise InvalidPieceSize(f"{cid} is a piece of {info.piece_size} bytes, not {piece_size}", cid=cid)
        return info
    root = parse_v1(cid)
    if piece_size is None:
        raise InvalidPieceSize("a v1 piece CID does not say how large its piece is", cid=cid)
    return PieceInfo(root, capacity(check_piece_size(piece_size)), piece_size)


def _check_root(root: bytes, cid: CID | None = None) -> bytes:
    if len(root) != NODE or root[-1] > 0x3F:
        raise InvalidCID("a piece's root is 32 bytes, the top two bits zero", cid=cid)
    return root
