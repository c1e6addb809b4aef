"""Segments of one text that were there before."""

from __future__ import annotations

from typing import Any

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled, inlined
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.octets import equal, hash_words

_LF = 10


@compiled
def table_for(data: Array, rows: Array) -> Array:
    """An empty table with room for the lines of any one row: slots by (stamp, start, end), int64."""
    most = 0
    for row in range(len(rows) - 1):
        lines = 1
        for at in range(rows[row], rows[row + 1]):
            lines += data[at] == _LF
        most = max(most, lines)
    size = 4
    while size < 2 * most:
        size *= 2
    return np.zeros((size, 3), np.int64)


@inlined
def seen_before(data: Array, start: int, end: int, table: Array, stamp: int, seed: np.uint64) -> bool:
    """Whether the bytes `data[start:end]` were asked for under this `stamp` already; now they were.

    Another stamp than any before makes the table empty. It must have more slots than segments.
    """
    mask = len(table) - 1
    at: Any = np.int64(hash_words(data, start, end, seed) & np.uint64(mask))
    while table[at, 0] == stamp:
        first = table[at, 1]
        if table[at, 2] - first == end - start and equal(data, first, data, start, end - start):
            return True
        at = (at + 1) & mask
    table[at, 0], table[at, 1], table[at, 2] = stamp, start, end
    return False


@inlined
def length(data: Array, start: int, end: int) -> int:
    """Characters of `data[start:end]`."""
    found, at = 0, start
    while at < end:
        size = 1
        if data[at] >= 0x80:
            _, size = decode(data, at, end)
        found += 1
        at += size
    return found


@compiled
def stripped(data: Array, start: int, end: int, flags: Array, space: int) -> tuple[int, int]:
    """Where the text without the white space at its ends begins and ends; both `end` if it is none."""
    while start < end:
        code, size = decode(data, start, end)
        if flags[code] & space == 0:
            break
        start += size
    while end > start:
        back = end - 1
        while back > start and data[back] & 0xC0 == 0x80:
            back -= 1
        code, _ = decode(data, back, end)
        if flags[code] & space == 0:
            break
        end = back
    return start, end


@compiled
def repeated(
    data: Array, start: int, end: int, least: int, table: Array, stamp: int, seed: np.uint64
) -> tuple[int, int, int]:
    """Segments between runs of at least `least` line feeds: all, those seen before, characters of those."""
    segments, again, characters = 0, 0, 0
    begin, at = start, start
    while at <= end:
        run = 0
        while at + run < end and data[at + run] == _LF:
            run += 1
        if at == end or run >= least:
            segments += 1
            if seen_before(data, begin, at, table, stamp, seed):
                again += 1
                characters += length(data, begin, at)
            begin = at + run
        at += max(run, 1)
    return segments, again, characters
