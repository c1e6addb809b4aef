"""Words that are runs of characters of one kind."""

from __future__ import annotations

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode


@compiled
def runs(
    data: Array,
    offsets: Array,
    flags: Array,
    mask: int,
    wanted: int,
    starts: Array,
    ends: Array,
    firsts: Array,
) -> int:
    """Find the longest runs of characters with `flags & mask == wanted`, row by row; return how many.

    `offsets`: byte positions of the rows, rows + 1. Writes the byte positions of each run into `starts` and
    `ends` and of each row's first run into `firsts` (rows + 1); with empty `starts` it only counts.
    """
    found = 0
    write = len(starts) > 0
    for row in range(len(offsets) - 1):
        firsts[row] = found
        at, end = offsets[row], offsets[row + 1]
        begin = -1
        while at < end:
            code, size = data[at], 1
            if code >= 0x80:
                code, size = decode(data, at, end)
            if flags[code] & mask == wanted:
                if begin < 0:
                    begin = at
            elif begin >= 0:
                if write:
                    starts[found] = begin
                    ends[found] = at
                found += 1
                begin = -1
            at += size
        if begin >= 0:
            if write:
                starts[found] = begin
                ends[found] = end
            found += 1
    firsts[len(offsets) - 1] = found
    return found
