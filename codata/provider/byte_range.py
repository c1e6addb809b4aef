"""The Range header, for a single block. Source: RFC 9110, section 14."""

from __future__ import annotations

import re
from typing import Final

_SINGLE: Final = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*\Z")


def slice_of(header: str | None, size: int) -> slice | None:
    """The part of `size` bytes that a Range header names, empty where it lies outside.

    None where the whole is to be sent: no header, several ranges, another unit, or one that can't be read.
    """
    match = _SINGLE.match(header or "")
    if not match or match[0].endswith("=-"):
        return None
    first, last = match[1], match[2]
    if not first:
        return slice(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return slice(int(first), min(size, int(last) + 1) if last else size)
