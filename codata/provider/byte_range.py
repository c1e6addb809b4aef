"""The Range header, for a single block. Source: RFC 9110, section 14."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")


def slice_of(header: str | None, size: int) -> slice | None:
    """The part of `size` bytes that a Range header names, empty where none of its ranges has a byte.

    Of several ranges, the first that has bytes: who asked sees by Content-Range which it got, and asks again
    for the others. None where the whole is to be sent: no header, another unit, one that can't be read, or
    nothing to take a part of.
    """
    unit, _, ranges = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or not size:
        return None
    parts = [_part(text.strip(), size) for text in ranges.split(",") if text.strip()]
    read = [part for part in parts if part is not None]
    if not read or len(read) < len(parts):
        return None
    return next((part for part in read if part.start < part.stop), slice(size, size))


def _part(text: str, size: int) -> slice | None:
    """One range, perhaps without bytes; None where it can't be read."""
    match = _ONE.fullmatch(text)
    if not match or text == "-":
        return None
    first, last = match[1], match[2]
    if not first:
        return slice(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return slice(int(first), min(size, int(last) + 1) if last else size)
