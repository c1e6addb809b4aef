"""The raw codec: a block is its bytes and has no links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cid_store.cid import CID, RAW
from cid_store.errors import EncodeError

name: Final = "raw"
code: Final = RAW


def encode(value: bytes | memoryview) -> bytes:
    """`value` itself; raises `EncodeError` unless it is bytes."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise EncodeError(f"raw holds bytes, not {type(value).__name__}")
    return bytes(value)


def decode(data: bytes | memoryview) -> bytes:
    """`data` itself."""
    return bytes(data)


def links(data: bytes | memoryview) -> Iterator[CID]:
    """None, ever."""
    return iter(())
