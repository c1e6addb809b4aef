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
def _white(data: Array, at: int, end: int, flags: Array, space: int) -> int:
    """The bytes of the white space at `at`; 0 where something else stands there."""
    code, size = decode(data, at, end)
    return size if flags[code] & space else 0


@compiled
def _joined(data: Array, begin: int, at: int, end: int, seen: Array, pairs: Array, kinds: Array) -> bool:
    """Whether a rule may match across the space at `at`, behind the unit that begins at `begin`.

    Where the characters on both sides are one of the sorted `pairs` (left << 21 | right); a pair of kind 1
    only where no ASCII lower-case letter follows. `seen` (128 by 128) has 1 for the lower seven bits of
    pairs: most questions end there.
    """
    back = at - 1
    while back > begin and data[back] & 0xC0 == 0x80:
        back -= 1
    left, _ = decode(data, back, at)
    right, wide = decode(data, at + 1, end)
    if not seen[left & 127, right & 127]:
        return False
    k = np.searchsorted(pairs, left << 21 | right)
    if k == len(pairs) or pairs[k] != left << 21 | right:
        return False
    after = data[at + 1 + wide] if at + 1 + wide < end else 32
    return kinds[k] == 0 or not (97 <= after <= 122)


@compiled
def _cut(data: Array, begin: int, end: int, longest: int, starts: Array, ends: Array, found: int) -> int:
    """Write a unit, cut after every `longest` characters; return how many there are then."""
    length, at = 0, begin
    while at < end:
        if length == longest:
            starts[found], ends[found] = begin, at
            found += 1
            length, begin = 0, at
        _, size = decode(data, at, end)
        length += 1
        at += size
    starts[found], ends[found] = begin, end
    return found + 1


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
    no bit of `space`. A unit is a chunk, or chunks with one U+0020 between them where `_joined` (see there
    for `seen`, `pairs` and `kinds`) before a unit has `longest` bytes; it is cut after every `longest`
    characters. Writes byte positions into `starts` and `ends`, which have room for `most_units`, and each
    row's first unit into `firsts` (rows + 1).
    """
    found = 0
    for row in range(len(offsets) - 1):
        firsts[row] = found
        at, end = offsets[row], offsets[row + 1]
        begin = -1
        while at < end:
            byte = data[at]
            size = 0
            # All white space begins with one of these bytes; a call for each would cost more than the rest.
            if byte <= 0x20:
                size = 1 if flags[byte] & space else 0
            elif byte == 0xC2 or 0xE1 <= byte <= 0xE3:
                size = _white(data, at, end, flags, space)
            if size == 0:
                if begin < 0:
                    begin = at
                at += 1
                continue
            if begin >= 0:
                joins = False
                if byte == 32 and at + 1 < end and at + 2 - begin <= longest:
                    left, right = data[at - 1], data[at + 1]
                    if left >= 0x80 or right >= 0x80 or seen[left, right]:
                        joins = _joined(data, begin, at, end, seen, pairs, kinds)
                if not joins:
                    if at - begin > longest:
                        found = _cut(data, begin, at, longest, starts, ends, found)
                    else:
                        starts[found], ends[found] = begin, at
                        found += 1
                    begin = -1
            at += size
        if begin >= 0:
            found = _cut(data, begin, end, longest, starts, ends, found)
    firsts[len(offsets) - 1] = found
    return found
