"""Unsigned varints: base-128, little-endian, minimal, at most nine bytes.

Source: the unsigned-varint specification of multiformats.
"""

from __future__ import annotations

from cid_store.errors import DecodeError

_MAX_BYTES = 9


def encode(value: int) -> bytes:
    """The minimal encoding of `value`, 0 <= value < 2**63."""
    if not 0 <= value < 1 << 63:
        raise ValueError(f"varint out of range: {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes | memoryview, offset: int = 0) -> tuple[int, int]:
    """The value at `offset` and the offset after it; raises `DecodeError` on short, long or padded forms."""
    value = shift = 0
    for i in range(offset, min(len(data), offset + _MAX_BYTES)):
        byte = data[i]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and i > offset:
                raise DecodeError("varint is not minimal")
            return value, i + 1
        shift += 7
    if len(data) - offset >= _MAX_BYTES:
        raise DecodeError("varint is longer than nine bytes")
    raise DecodeError("varint is cut short")
