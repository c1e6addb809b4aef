"""Measures of source code: lines, letters, comments."""

from __future__ import annotations

from typing import Final

import numpy as np

from codata_jobs.comment_syntax import DOC_QUOTE, LINE_MARKERS, LONG_QUOTE
from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode

_LF: Final = 0x0A
_CR: Final = 0x0D
_BACKSLASH: Final = 0x5C


@compiled
def _ends_line(byte: int) -> bool:
    return byte in (_LF, _CR)


@compiled
def _shape(data: Array, at: int, end: int, alnum: Array, found: Array) -> None:
    """Characters, letters and numbers, lines, and characters in all and in the longest, into `found`."""
    chars, letters, lines, inside, longest, length = 0, 0, 0, 0, 0, 0
    ended = True
    while at < end:
        code, size = (np.int64(data[at]), 1) if data[at] < 0x80 else decode(data, at, end)
        chars += 1
        letters += alnum[code]
        if code in (_LF, _CR):
            if code == _CR and at + 1 < end and data[at + 1] == _LF:
                chars += 1
                size = 2
            lines += 1
            longest, length, ended = max(longest, length), 0, True
        else:
            inside, length, ended = inside + 1, length + 1, False
        at += size
    found[0], found[1] = chars, letters
    found[2], found[3], found[4] = lines + (not ended), inside, max(longest, length)


@compiled
def _starts(data: Array, at: int, end: int, marker: Array) -> bool:
    """Whether a marker (its length, its bytes) stands at `at`."""
    size = marker[0]
    if size == 0 or at + size > end:
        return False
    for k in range(size):  # noqa: SIM110  numba has no all()
        if data[at + k] != marker[1 + k]:
            return False
    return True


@compiled
def _comment_end(data: Array, at: int, end: int, markers: Array) -> int:
    """Where the comment ends that begins at `at`; `at` if none does."""
    for k in range(LINE_MARKERS, len(markers), 2):
        if _starts(data, at, end, markers[k]):
            at += markers[k, 0]
            while at < end and not _starts(data, at, end, markers[k + 1]):
                at += 1
            return int(min(end, at + markers[k + 1, 0]))
    for k in range(LINE_MARKERS):
        if _starts(data, at, end, markers[k]):
            while at < end and not _ends_line(data[at]):
                at += 1
            return at
    return at


@compiled
def _string_end(data: Array, at: int, end: int, quotes: int, over_lines: bool) -> int:
    """Where the string ends that begins at `at` with so many quotes."""
    quote = data[at]
    at += quotes
    while at < end and (over_lines or not _ends_line(data[at])):
        if data[at] == _BACKSLASH:
            at += 2
            continue
        if data[at] == quote and (quotes == 1 or (at + 2 < end and data[at + 1] == quote == data[at + 2])):
            return at + quotes
        at += 1
    return min(at, end)


@compiled
def _characters(data: Array, at: int, end: int) -> int:
    count = 0
    for k in range(at, end):
        count += data[k] & 0xC0 != 0x80
    return count


@compiled
def _comments(data: Array, at: int, end: int, markers: Array, kinds: Array) -> int:
    """Characters in comments."""
    count, blank = 0, True
    while at < end:
        byte = data[at]
        if _ends_line(byte) or byte == 0x20 or byte == 0x09:
            blank |= _ends_line(byte)
            at += 1
            continue
        stop = _comment_end(data, at, end, markers)
        kind = kinds[byte] if byte < 0x80 else 0
        if stop > at:
            count += _characters(data, at, stop)
        elif kind:
            triple = kind & DOC_QUOTE != 0 and at + 2 < end and data[at + 1] == byte == data[at + 2]
            stop = _string_end(data, at, end, 3 if triple else 1, triple or kind & LONG_QUOTE != 0)
            if triple and blank:
                count += _characters(data, at, stop)
        else:
            stop = at + 1
        blank = False
        at = stop
    return count


@compiled
def measure(
    data: Array, offsets: Array, alnum: Array, syntaxes: Array, markers: Array, kinds: Array
) -> Array:
    """Of each text: characters, letters and numbers, lines, characters in lines, the longest line's, and
    characters in comments, -1 where `syntaxes` is negative. Shape: texts, 6; int64.

    Text i is `data[offsets[i]:offsets[i + 1]]` (uint8); `alnum` has 1 for code points that are letters or
    numbers; `markers` and `kinds` are `comment_syntax.tables`.
    """
    found = np.empty((len(offsets) - 1, 6), np.int64)
    for row in range(len(offsets) - 1):
        at, end, syntax = offsets[row], offsets[row + 1], syntaxes[row]
        _shape(data, at, end, alnum, found[row])
        found[row, 5] = -1 if syntax < 0 else _comments(data, at, end, markers[syntax], kinds[syntax])
    return found
