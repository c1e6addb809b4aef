"""Units that need no tokenizer: letters alone, or letters and one mark after them."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.interning import find


@compiled
def plain(
    first: int,
    count: int,
    special: int,
    arena: Array,
    bounds: Array,
    slots: Array,
    seed: np.uint64,
    flags: Array,
    letter: int,
    marks: Array,
    heads: Array,
) -> None:
    """Write into `heads`, for the strings from `first` to `count`, how many bytes their first word has.

    The whole string where it is nothing but letters (`flags & letter`); all but its last byte where that is
    one of the ASCII `marks` (a table of 128: 1 after any letter, 2 after a letter from a to z) and the
    letters before it are none of the first `special` strings; else 0: ask the tokenizer.
    """
    for k in range(first, count):
        at, end = bounds[k], bounds[k + 1]
        last = 0
        while at < end:
            code, size = arena[at], 1
            if code >= 0x80:
                code, size = decode(arena, at, end)
            if flags[code] & letter == 0:
                break
            last = code
            at += size
        start = bounds[k]
        heads[k - first] = 0
        if at == end:
            heads[k - first] = end - start
        elif at == end - 1 and at > start and arena[at] < 128:
            mark = marks[arena[at]]
            if mark == 1 or (mark == 2 and 97 <= last <= 122):
                known, _ = find(arena, start, at, arena, bounds, slots, seed)
                if known < 0 or known >= special:
                    heads[k - first] = at - start
