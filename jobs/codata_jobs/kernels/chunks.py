"""From text to units: what stands between white space, or several of those where a rule may join them."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode


@compiled
def most_units(data: Array, rows: int, longest: int) -> int:
    """A bound on the units of `data`, also where it is no UTF-8: room that is not used costs nothing."""
    found = rows + len(data) // longest
    for byte in data:
        found += byte <= 0x20 or byte >= 0x80
    return found


@compiled
def _joined(left: int, right: int, after: int, seen: Array, pairs: Array, kinds: Array) -> bool:
    """Whether a rule may match across one space: `pairs` are sorted `left << 21 | right`.

    Of kind 1 only where the character `after` the right one is no ASCII lower-case letter. `seen` (128 by 2)
    has 1 for what the lower seven bits of a left or a right character can be: most questions end there.
    """
    if not (seen[left & 127, 0] and seen[right & 127, 1]):
        return False
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
    seen: Array,
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
    between them where `_joined` (see there for `seen`, `pairs` and `kinds`), of at most `longest` characters
    too. `starts` and `ends` have room for `most_units`.
    Writes byte positions into `starts` and `ends`, and each row's first unit into `firsts` (rows + 1).
    """
    found = 0
    for row in range(len(offsets) - 1):
        firsts[row] = found
        at, end = offsets[row], offsets[row + 1]
        begin, length, last = -1, 0, 0
        while at < end:
            code, size = data[at], 1
            if code >= 0x80:
                code, size = decode(data, at, end)
            if flags[code] & space == 0:
                if begin >= 0 and length >= longest:
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
                    joins = _joined(last, right, after, seen, pairs, kinds)
                if joins:
                    length += 1
                else:
                    starts[found], ends[found] = begin, at
                    found += 1
                    begin = -1
            at += size
        if begin >= 0:
            starts[found], ends[found] = begin, end
            found += 1
    firsts[len(offsets) - 1] = found
    return found
