"""What parsing a page may cost, told from its bytes alone.

A page need not be large to be expensive: a tree builder makes open formatting elements anew in every
paragraph, looks through all open elements at many tags, and holds each attribute of a tag against the others.
Every `<` before a letter counts as a start tag here and every `</` before one as an end tag, also in comments
and scripts: nothing that a parser takes for a tag escapes the count.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled

TOO_COSTLY: Final = -1

MAX_ATTRIBUTES: Final = 1024
"""Attributes of one tag: they cost their number squared."""

MAX_TAGS: Final = 1 << 16
"""Start and end tags: each may cost as many steps as there are open elements."""

MAX_ELEMENTS: Final = 1 << 18
"""Tags times different formatting tags.

A tree has at most three elements of each different formatting tag anew for each tag (HTML standard,
"reconstruct the active formatting elements" and its Noah's Ark clause).
"""

_WORK: Final = 64  # steps for each byte of a page: tags that never end overlap

_QUOTE: Final = 0x22
_APOSTROPHE: Final = 0x27
_SLASH: Final = 0x2F
_LESS: Final = 0x3C
_EQUALS: Final = 0x3D
_GREATER: Final = 0x3E

_NAMES: Final = ("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u")
"""Formatting elements of which several may be open; of `a` and `nobr` a new one closes the last."""

FORMATTING: Final = np.array([int.from_bytes(name.encode(), "big") for name in _NAMES], np.int64)


@compiled
def _white(byte: int) -> bool:
    return byte == 0x20 or byte == 0x09 or byte == 0x0A or byte == 0x0C or byte == 0x0D


@compiled
def _name(data: Array, at: int, end: int) -> tuple[int, int]:
    """Where a tag's name ends, and its first 7 letters in lower case as one number; 0 if it is longer."""
    packed, size = 0, 0
    while at < end and not (_white(data[at]) or data[at] == _SLASH or data[at] == _GREATER):
        byte = int(data[at])
        packed = packed << 8 | (byte | 0x20 if 0x41 <= byte <= 0x5A else byte) if size < 7 else 0
        size += 1
        at += 1
    return at, packed if size <= 7 else 0


@compiled
def _value(data: Array, at: int, end: int) -> int:
    """Where an attribute's value ends that is looked for from behind its `=`."""
    while at < end and _white(data[at]):
        at += 1
    if at < end and (data[at] == _QUOTE or data[at] == _APOSTROPHE):
        mark = data[at]
        at += 1
        while at < end and data[at] != mark:
            at += 1
        return min(at + 1, end)
    while at < end and not _white(data[at]) and data[at] != _GREATER:
        at += 1
    return at


@compiled
def _attributes(data: Array, at: int, end: int) -> tuple[int, int]:
    """Where a tag ends whose name ends at `at`, and how many attributes it has (HTML standard, 13.2.5.32)."""
    count = 0
    while at < end and data[at] != _GREATER and count <= MAX_ATTRIBUTES:
        if _white(data[at]) or data[at] == _SLASH:
            at += 1
            continue
        count += 1
        at += 1  # an `=` in this place begins a name
        while at < end and not (
            _white(data[at]) or data[at] == _SLASH or data[at] == _GREATER or data[at] == _EQUALS
        ):
            at += 1
        after = at
        while after < end and _white(data[after]):
            after += 1
        if after < end and data[after] == _EQUALS:
            at = _value(data, after + 1, end)
    return at, count


@compiled
def _is_new(data: Array, at: int, end: int, starts: Array, ends: Array, known: int) -> bool:
    """Whether the bytes of a tag differ from those of all known ones."""
    for k in range(known):
        if ends[k] - starts[k] == end - at:
            same = 0
            while same < end - at and data[starts[k] + same] == data[at + same]:
                same += 1
            if same == end - at:
                return False
    return True


@compiled
def _tags(data: Array, begin: int, end: int, formatting: Array, starts: Array, ends: Array) -> int:
    count, known, work = 0, 0, 0
    for at in range(begin, end - 1):
        if data[at] != _LESS:
            continue
        ends_tag = data[at + 1] == _SLASH and at + 2 < end
        letter = data[at + 1 + ends_tag] | 0x20
        if letter < 0x61 or letter > 0x7A:
            continue
        count += 1
        if count > MAX_TAGS or count * known > MAX_ELEMENTS:
            return TOO_COSTLY
        if ends_tag:
            continue
        named, name = _name(data, at + 1, end)
        closed, attributes = _attributes(data, named, end)
        work += closed - at
        if attributes > MAX_ATTRIBUTES or work > _WORK * (end - begin):
            return TOO_COSTLY
        formats = False
        for k in range(len(formatting)):
            formats |= name == formatting[k]
        if formats and _is_new(data, at, closed, starts, ends, known):
            if known == len(starts):
                return TOO_COSTLY
            starts[known] = at
            ends[known] = closed
            known += 1
    return count if count * known <= MAX_ELEMENTS else TOO_COSTLY


@compiled
def tags(data: Array, offsets: Array, formatting: Array) -> Array:
    """How many start and end tags each page has at most (int64), or `TOO_COSTLY`.

    Page i is `data[offsets[i]:offsets[i + 1]]` (uint8); `formatting` is `FORMATTING`.
    """
    found = np.empty(len(offsets) - 1, np.int64)
    starts, ends = np.empty(1024, np.int64), np.empty(1024, np.int64)
    for row in range(len(offsets) - 1):
        found[row] = _tags(data, offsets[row], offsets[row + 1], formatting, starts, ends)
    return found
