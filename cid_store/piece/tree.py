"""The Merkle tree of a piece: nodes, sizes, and subtrees of zeros.

A tree has leaves of 32 bytes. *Level* 0 are the leaves; a node at level n covers 32·2^n padded bytes.
Padded bytes are what proofs see (128 for every 127 of the payload); sizes are in bytes throughout.

Source: the Filecoin specification, "Piece", and FRC-0069.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cid_store.errors import LimitExceeded, UsageError

NODE: Final = 32
QUAD: Final = 127
"""Payload bytes that become four leaves."""

QUAD_PADDED: Final = 128
QUAD_LEVEL: Final = 2

MAX_LEVEL: Final = 58
"""The highest tree whose payload a v2 piece CID can count in 63 bits."""


class InvalidPieceSize(UsageError):
    """A piece size that is no power of two, or too small for its content."""

    default_next = "piece sizes are powers of two, 128 bytes or more, and at least 128/127 of the payload"


def node(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes: SHA-256 cut to 254 bits."""
    digest = bytearray(hashlib.sha256(left + right).digest())
    digest[31] &= 0x3F
    return bytes(digest)


def _zero_roots() -> tuple[bytes, ...]:
    roots = [bytes(NODE)]
    while len(roots) <= MAX_LEVEL:
        roots.append(node(roots[-1], roots[-1]))
    return tuple(roots)


ZERO_ROOTS: Final = _zero_roots()
"""By level: the root of a tree whose leaves are all zero."""


def piece_size_of(payload_size: int) -> int:
    """The smallest piece that holds a payload. An empty payload is padded like any other: to 127 zeros
    (FRC-0069)."""
    quads = max(1, -(-payload_size // QUAD))
    size = QUAD_PADDED << (quads - 1).bit_length()
    if level_of(size) > MAX_LEVEL:
        raise LimitExceeded(f"a payload of {payload_size} bytes is beyond what a piece CID can describe")
    return size


def level_of(piece_size: int) -> int:
    """The level of a piece's root."""
    return (piece_size // NODE).bit_length() - 1


def check_piece_size(piece_size: int) -> int:
    """`piece_size` itself. Raises `InvalidPieceSize`."""
    if piece_size < QUAD_PADDED or piece_size & (piece_size - 1) or level_of(piece_size) > MAX_LEVEL:
        raise InvalidPieceSize(f"{piece_size} is no piece size")
    return piece_size


def capacity(piece_size: int) -> int:
    """How many payload bytes a piece holds."""
    return piece_size // QUAD_PADDED * QUAD


def grow(root: bytes, level: int, to_level: int) -> bytes:
    """The root of the tree at `to_level` that begins with this one and goes on with zeros."""
    for at in range(level, to_level):
        root = node(root, ZERO_ROOTS[at])
    return root
