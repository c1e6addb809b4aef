"""What FineWeb's quality rules count."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.repeats import seen_before, table_for

_LF = 10


@compiled
def count_lines(
    data: Array, rows: Array, flags: Array, space: int, stops: Array, stop: int, short: int, seed: np.uint64
) -> Array:
    """Of each row's text, int64, rows by 6: line feeds, other characters; and of the lines between line feeds
    that are not white space alone (`flags & space`): all, those whose last character is a stop (`stops &
    stop`), those of at most `short` characters, the characters of those that were there before.
    """
    found = np.zeros((len(rows) - 1, 6), np.int64)
    table = table_for(data, rows)
    for row in range(len(rows) - 1):
        begin, at, end = rows[row], rows[row], rows[row + 1]
        characters, last, blank = 0, 0, True
        while at <= end:
            if at < end and data[at] != _LF:
                code, size = data[at], 1
                if code >= 0x80:
                    code, size = decode(data, at, end)
                blank = blank and flags[code] & space != 0
                last = code
                characters += 1
                at += size
                continue
            found[row, 0] += at < end
            found[row, 1] += characters
            if not blank:
                found[row, 2] += 1
                found[row, 3] += stops[last] & stop != 0
                found[row, 4] += characters <= short
                if seen_before(data, begin, at, table, row + 1, seed):
                    found[row, 5] += characters
            at += 1
            begin, characters, blank = at, 0, True
    return found
