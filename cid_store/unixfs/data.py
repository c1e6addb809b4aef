"""The UnixFS message that a dag-pb node carries in its Data: what the node is.

Source: the UnixFS specification. Encoding is canonical (fields in order, blocksizes unpacked); decoding takes
the fields in any order, skips those it does not know, and refuses a message that contradicts itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cid_store.unixfs.errors import BadUnixFS
from cid_store.unixfs.protobuf import BYTES, FIXED32, VARINT, Field, fields, read_varint, varint

MURMUR3_X64_64: Final = 0x22
"""Multihash code: the one hash that HAMT directories use."""

MODE_BITS: Final = 0o7777
"""The bits of a mode that have a meaning."""

_MAX_SIZE: Final = (1 << 63) - 1


class Kind(IntEnum):
    """What a node is."""

    RAW = 0
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    SYMLINK = 4
    HAMT = 5


@dataclass(frozen=True, slots=True)
class Mtime:
    """A modification time: seconds since the epoch (may be negative), and nanoseconds, 0 to 999,999,999."""

    seconds: int
    nanos: int = 0


@dataclass(frozen=True, slots=True)
class Metadata:
    """What may be kept of a file beside its bytes. Either changes the CID."""

    mode: int | None = None
    mtime: Mtime | None = None

    def __bool__(self) -> bool:
        return self.mode is not None or self.mtime is not None


NO_METADATA: Final = Metadata()


@dataclass(frozen=True, slots=True)
class Data:
    """A decoded UnixFS message. `data`: file bytes, a symlink's target, or a HAMT's bitfield."""

    kind: Kind
    data: bytes | memoryview = b""
    filesize: int | None = None
    blocksizes: tuple[int, ...] = ()
    hash_type: int | None = None
    fanout: int | None = None
    metadata: Metadata = NO_METADATA


def encode(message: Data) -> bytes:
    """The canonical bytes of `message`."""
    head, tail = frame(message, len(message.data))
    return b"".join((head, message.data, tail))


def frame(message: Data, size: int) -> tuple[bytes, bytes]:
    """What stands before and after `size` bytes of data in the encoding of `message`, whose own data is not
    looked at.

    A leaf can so be hashed around bytes that are never copied.
    """
    head = b"\x08" + varint(message.kind)
    if size:
        head += b"\x12" + varint(size)
    tail = bytearray()
    if message.filesize is not None:
        tail += b"\x18" + varint(message.filesize)
    for blocksize in message.blocksizes:
        tail += b"\x20" + varint(blocksize)
    if message.hash_type is not None:
        tail += b"\x28" + varint(message.hash_type)
    if message.fanout is not None:
        tail += b"\x30" + varint(message.fanout)
    return head, bytes(tail) + _encode_metadata(message.metadata)


def _encode_metadata(metadata: Metadata) -> bytes:
    out = b""
    if metadata.mode is not None:
        out += b"\x38" + varint(metadata.mode)
    if metadata.mtime is not None:
        stamp = b"\x08" + varint(metadata.mtime.seconds)
        if metadata.mtime.nanos:
            stamp += b"\x15" + struct.pack("<I", metadata.mtime.nanos)
        out += b"\x42" + varint(len(stamp)) + stamp
    return out


_SINGLE: Final = {1: VARINT, 2: BYTES, 3: VARINT, 5: VARINT, 6: VARINT, 7: VARINT, 8: BYTES}
"""Fields that stand at most once, and their wire types."""


def decode(data: bytes | memoryview) -> Data:
    """The message in `data`; raises `BadUnixFS`."""
    found: dict[int, int | memoryview] = {}
    blocksizes: list[int] = []
    for field in fields(memoryview(data)):
        number, wire, value = field
        if number == 4:
            blocksizes += _blocksizes(field)
        elif number in _SINGLE:
            if wire != _SINGLE[number] or number in found:
                raise BadUnixFS(f"field {number} of the UnixFS message is doubled or of the wrong type")
            found[number] = value
    if 1 not in found:
        raise BadUnixFS("the UnixFS message does not say what it is")
    return Data(
        kind=_kind(_int(found, 1)),
        data=_bytes(found, 2) or b"",
        filesize=_size(_int(found, 3)),
        blocksizes=tuple(blocksizes),
        hash_type=_int(found, 5),
        fanout=_int(found, 6),
        metadata=_metadata(_int(found, 7), _bytes(found, 8)),
    )


def _int(found: dict[int, int | memoryview], number: int) -> int | None:
    value = found.get(number)
    assert not isinstance(value, memoryview)
    return value


def _bytes(found: dict[int, int | memoryview], number: int) -> memoryview | None:
    value = found.get(number)
    assert not isinstance(value, int)
    return value


def _kind(code: int | None) -> Kind:
    try:
        return Kind(code)  # type: ignore[arg-type]
    except ValueError:
        raise BadUnixFS(f"UnixFS type {code} is not known") from None


def _size(value: int | None) -> int | None:
    if value is not None and value > _MAX_SIZE:
        raise BadUnixFS(f"a size of {value} bytes is beyond 63 bits")
    return value


def _blocksizes(field: Field) -> list[int]:
    _, wire, value = field
    if wire == VARINT:
        assert isinstance(value, int)
        sizes = [value]
    elif wire == BYTES:  # the packed form, which some protobuf writers choose
        assert isinstance(value, memoryview)
        sizes, at = [], 0
        while at < len(value):
            size, at = read_varint(value, at)
            sizes.append(size)
    else:
        raise BadUnixFS("blocksizes of the UnixFS message are of the wrong type")
    for size in sizes:
        _size(size)
    return sizes


def _metadata(mode: int | None, mtime: memoryview | None) -> Metadata:
    if mode is not None and mode >= 1 << 32:
        raise BadUnixFS(f"mode {mode} is over 32 bits")
    if mode is None and mtime is None:
        return NO_METADATA
    return Metadata(mode, None if mtime is None else _mtime(mtime))


def _mtime(data: memoryview) -> Mtime:
    seconds = nanos = None
    for number, wire, value in fields(data):
        if number == 1 and wire == VARINT and seconds is None:
            assert isinstance(value, int)
            seconds = value - (1 << 64) if value >= 1 << 63 else value
        elif number == 2 and wire == FIXED32 and nanos is None:
            assert isinstance(value, memoryview)
            (nanos,) = struct.unpack("<I", value)
            if not 1 <= nanos <= 999_999_999:
                raise BadUnixFS(f"{nanos} nanoseconds are not a fraction of a second")
        elif number in (1, 2):
            raise BadUnixFS("the modification time is malformed")
    if seconds is None:
        raise BadUnixFS("the modification time has no seconds")
    return Mtime(seconds, nanos or 0)
