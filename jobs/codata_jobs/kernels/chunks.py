"""From text to units: what stands between white space, or several of those where a rule may join them."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode


@compiled
def _joined(left: int, right: int, after: int, pairs: Array, kinds: Array) -> bool:
    """Whether a rule may match across one space: `pairs` are sorted `left << 21 | right`.

    Of kind 1 only where the character `after` the right one is no ASCII lower-case letter.
    """
    k = np.searchsorted(pairs, left << 21 | right)
    if k == len(pairs) or pairs[k] != left << 21 | right:
        return False
    return kinds[k] == 0 or not (97 <= after <= 122)


@compiled
def units(
    data: Array,
    offsets: Array,
    flags: Array,
    space: int,
    pairs: Array,
    kinds: Array,
    longest: int,
    starts: Array,
    ends: Array,
    firsts: Array,
) -> int:
    """Find the units of each row; return how many.

    `offsets`: byte positions of the rows, rows + 1. A chunk is a longest run of characters whose `flags` have
    no bit of `space`, cut after every `longest` characters. A unit is a chunk, or chunks with one U+0020
    between them where `_joined` (see there for `pairs` and `kinds`), of at most `longest` characters too.
    Writes byte positions into `starts` and `ends`, and each row's first unit into `firsts` (rows + 1); with
    empty `starts` it only counts.
    """
    found = 0
    write = len(starts) > 0
    for row in range(len(offsets) - 1):
        firsts[row] = found
        at, end = offsets[row], offsets[row + 1]
        begin, length, last = -1, 0, 0
        while at < end:
            code, size = decode(data, at, end)
            if flags[code] & space == 0:
                if begin >= 0 and length >= longest:
                    if write:
                        starts[found], ends[found] = begin, at
                    found += 1
                    begin = -1
                if begin < 0:
                    begin, length = at, 0
                length += 1
                last = code
                at += size
                continue
            if begin >= 0:
                joins = False
                if code == 32 and at + 1 < end and length + 2 <= longest:
                    right, wide = decode(data, at + 1, end)
                    after = data[at + 1 + wide] if at + 1 + wide < end else 32
                    joins = _joined(last, right, after, pairs, kinds)
                if joins:
                    length += 1
                else:
                    if write:
                        starts[found], ends[found] = begin, at
                    found += 1
                    begin = -1
            at += size
        if begin >= 0:
            if write:
                starts[found], ends[found] = begin, end
            found += 1
    firsts[len(offsets) - 1] = found
    return found
