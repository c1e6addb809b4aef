"""FR32: every 254 bits become 256, so that each 32-byte node is an element of the field that proofs
compute in.

127 bytes, read as one little-endian number, are four groups of 254 bits; each is stored in 32 bytes,
top two bits zero.

Source: the Filecoin specification, "Piece". This is the plain form in NumPy; kernels have it built in.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cid_store.errors import DecodeError
from cid_store.piece.tree import NODE, QUAD, QUAD_PADDED

_GROUPS: Final = tuple((254 * k // 8, 254 * k % 8) for k in range(4))
"""For each node: the source byte in which it begins, and the bit within that byte."""

_TOP: Final = 0x3F


def pad(data: bytes | memoryview) -> NDArray[np.uint8]:
    """`n·127` bytes to `n·128`, as a flat array. Raises `ValueError` for another length."""
    if len(data) % QUAD:
        raise ValueError(f"{len(data)} is no multiple of {QUAD}")
    source = np.zeros((len(data) // QUAD, QUAD + 1), np.uint8)  # one zero byte to shift in at the end
    source[:, :QUAD] = np.frombuffer(data, np.uint8).reshape(-1, QUAD)
    out = np.empty((len(source), 4, NODE), np.uint8)
    for k, (begin, shift) in enumerate(_GROUPS):
        out[:, k] = source[:, begin : begin + NODE] >> shift
        if shift:
            out[:, k] |= source[:, begin + 1 : begin + 1 + NODE] << (8 - shift)
    out[:, :, NODE - 1] &= _TOP
    return out.reshape(-1)


def unpad(data: bytes | memoryview) -> NDArray[np.uint8]:
    """`n·128` bytes to `n·127`, as a flat array. Raises `DecodeError` unless they are FR32."""
    if len(data) % QUAD_PADDED:
        raise DecodeError(f"{len(data)} bytes are no whole number of FR32 groups of {QUAD_PADDED}")
    source = np.frombuffer(data, np.uint8).reshape(-1, 4, NODE)
    if (source[:, :, NODE - 1] > _TOP).any():
        raise DecodeError("the top two bits of an FR32 node are not zero")
    out = np.zeros((len(source), QUAD + 1), np.uint8)
    for k, (begin, shift) in enumerate(_GROUPS):
        out[:, begin : begin + NODE] |= source[:, k] << shift
        if shift:
            out[:, begin + 1 : begin + 1 + NODE] |= source[:, k] >> (8 - shift)
    return out[:, :QUAD].reshape(-1)
