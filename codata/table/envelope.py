"""What an Arrow IPC file says about itself, read before pyarrow acts on it.

pyarrow allocates what compressed buffers claim to unpack to, so that a small file could take all memory. This
walk over the file's FlatBuffers proves that nothing is compressed and that batches lie inside the file; every
access is bounded by the buffer. Layout: Arrow's columnar format, `File.fbs`, `Message.fbs`.
"""

from __future__ import annotations

import struct
from typing import Final

from codata.errors import MalformedTable

MAGIC: Final = b"ARROW1"
CONTINUATION: Final = b"\xff\xff\xff\xff"

_FOOTER_DICTIONARIES, _FOOTER_BATCHES = 2, 3  # field numbers in the schemas named above
_MESSAGE_HEADER_TYPE, _MESSAGE_HEADER = 1, 2
_BATCH_COMPRESSION = 3
_RECORD_BATCH: Final = 3  # the header type of a record batch
_BLOCK: Final = struct.Struct("<qi4xq")  # offset, metadata length, body length


def check_envelope(data: memoryview) -> int:
    """The number of record batches of an IPC file without compressed ones; raises `MalformedTable`."""
    try:
        return _check(data)
    except (struct.error, ValueError, IndexError) as e:
        raise MalformedTable(f"not an Arrow IPC file: {e}") from None


def _check(data: memoryview) -> int:
    if len(data) < 20 or bytes(data[:8]) != MAGIC + b"\0\0" or bytes(data[-6:]) != MAGIC:
        raise MalformedTable("not an Arrow IPC file: its magic bytes are missing")
    footer_size = _unsigned(data, len(data) - 10)
    start = len(data) - 10 - footer_size
    if start < 8:
        raise MalformedTable("not an Arrow IPC file: the footer is longer than the file")
    footer = data[start : len(data) - 10]
    table = _unsigned(footer, 0)
    if _vector(footer, table, _FOOTER_DICTIONARIES)[1]:
        raise MalformedTable("the table holds dictionaries")
    first, count = _vector(footer, table, _FOOTER_BATCHES)
    if first + count * _BLOCK.size > len(footer):
        raise MalformedTable(f"the footer claims {count} batches and has no room for them")
    for i in range(count):
        offset, metadata_size, body_size = _BLOCK.unpack_from(footer, first + i * _BLOCK.size)
        if offset < 8 or metadata_size < 16 or body_size < 0 or offset + metadata_size + body_size > start:
            raise MalformedTable(f"batch {i} lies outside the file")
        _check_message(data[offset : offset + metadata_size], i)
    return count


def _check_message(metadata: memoryview, index: int) -> None:
    if bytes(metadata[:4]) != CONTINUATION:
        raise MalformedTable(f"batch {index} has no message where the footer says")
    message = metadata[8:]
    table = _unsigned(message, 0)
    kind = _field(message, table, _MESSAGE_HEADER_TYPE)
    header = _field(message, table, _MESSAGE_HEADER)
    if not kind or not header or message[kind] != _RECORD_BATCH:
        raise MalformedTable(f"batch {index} is not a record batch")
    if _field(message, header + _unsigned(message, header), _BATCH_COMPRESSION):
        raise MalformedTable(f"batch {index} is compressed")


def _unsigned(data: memoryview, at: int) -> int:
    if at < 0:  # a negative index would count from the end
        raise ValueError("an offset points before the buffer")
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


def _field(data: memoryview, table: int, number: int) -> int:
    """Where field `number` of the table at `table` lies; 0 if it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if vtable < 0:
        raise ValueError("a table's layout lies before the buffer")
    size = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * number
    if slot + 2 > size:
        return 0
    offset = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else 0


def _vector(data: memoryview, table: int, number: int) -> tuple[int, int]:
    """Where the elements of a vector field begin, and how many there are; none if it is absent."""
    at = _field(data, table, number)
    if not at:
        return 0, 0
    start = at + _unsigned(data, at)
    return start + 4, _unsigned(data, start)
