"""The little of the protobuf wire format that UnixFS messages need.

Source: the protobuf encoding specification. Unlike multiformats' varints these reach ten bytes (negative
64-bit integers) and may be padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cid_store.unixfs.errors import BadUnixFS

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_MAX_BYTES: Final = 10
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}

Field = tuple[int, int, int | memoryview]
"""Field number, wire type, and an integer for varints or the bytes of anything else."""


def varint(value: int) -> bytes:
    """`value` as a minimal varint; a negative one as its 64-bit two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """The unsigned 64-bit value at `at`, and the offset after it."""
    value = 0
    for i in range(_MAX_BYTES):
        if at + i >= len(data):
            raise BadUnixFS("a number in the UnixFS message is cut short")
        byte = data[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + i + 1
    raise BadUnixFS("a number in the UnixFS message is over 64 bits")


def fields(data: memoryview) -> Iterator[Field]:
    """Every field in order; raises `BadUnixFS` on malformed bytes, copies nothing."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = read_varint(data, at)
        elif wire in _WIDTHS:
            size = _WIDTHS[wire]
        else:
            raise BadUnixFS(f"wire type {wire} in the UnixFS message is not known")
        if size > len(data) - at:
            raise BadUnixFS("the UnixFS message is cut short")
        yield number, wire, data[at : at + size]
        at += size
