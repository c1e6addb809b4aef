"""Numbers for byte strings: the same number for the same bytes, in the order of first sight."""

from __future__ import annotations

from typing import Any

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled, inlined

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)


@inlined
def hash_bytes(data: Array, start: int, end: int, seed: np.uint64) -> np.uint64:
    """A hash for tables in memory only: `seed` is secret, so that nobody can write texts that all collide.

    Every byte meets bits from the upper half. Without that, what bytes add to the sum would follow from the
    seed's lowest eight bits, and the rest of it would fall out of any two texts' difference.
    """
    h = seed
    for i in range(start, end):
        h = (h ^ np.uint64(data[i])) * _MIX
        h ^= h >> _SHIFT
    return h


@inlined
def find(
    data: Array, start: int, end: int, arena: Array, bounds: Array, slots: Array, seed: np.uint64
) -> tuple[int, int]:
    """The number of `data[start:end]`, or -1, and the slot where it stands or belongs.

    String k is `arena[bounds[k]:bounds[k + 1]]`; `slots` (a power of two) has k + 1, or 0 where free.
    """
    mask = len(slots) - 1
    at: Any = np.int64(hash_bytes(data, start, end, seed) & np.uint64(mask))
    size = end - start
    while True:
        k = slots[at] - 1
        if k < 0:
            return -1, at
        first = bounds[k]
        if bounds[k + 1] - first == size:
            same = True
            for i in range(size):
                if arena[first + i] != data[start + i]:
                    same = False
                    break
            if same:
                return k, at
        at = (at + 1) & mask


@compiled
def number(
    data: Array,
    starts: Array,
    ends: Array,
    numbers: Array,
    begin: int,
    count: int,
    arena: Array,
    bounds: Array,
    slots: Array,
    seed: np.uint64,
) -> tuple[int, int]:
    """Write `numbers` of the strings from `begin` on, adding those not seen; return (next string, count).

    `count` strings are known before. Stops before a string for which there is no room: at half the slots, or
    at the end of `arena` or `bounds`.
    """
    for i in range(begin, len(starts)):
        size = ends[i] - starts[i]
        k, slot = find(data, starts[i], ends[i], arena, bounds, slots, seed)
        if k < 0:
            first = bounds[count]
            if 2 * (count + 1) > len(slots) or first + size > len(arena) or count + 2 > len(bounds):
                return i, count
            k = count
            for j in range(size):
                arena[first + j] = data[starts[i] + j]
            bounds[count + 1] = first + size
            slots[slot] = k + 1
            count += 1
        numbers[i] = k
    return len(starts), count


@compiled
def rebuild(count: int, arena: Array, bounds: Array, slots: Array, seed: np.uint64) -> None:
    """Fill empty `slots` with the strings known."""
    for k in range(count):
        _, slot = find(arena, bounds[k], bounds[k + 1], arena, bounds, slots, seed)
        slots[slot] = k + 1


@compiled
def gather(
    numbers: Array,
    starts: Array,
    firsts: Array,
    bounds: Array,
    cut_starts: Array,
    cut_ends: Array,
    word_starts: Array,
    word_ends: Array,
    offsets: Array,
) -> int:
    """Put the words of each unit where it stands; return how many.

    Unit i is string `numbers[i]` at byte `starts[i]`; words of string k lie from `cut_starts[j]` to
    `cut_ends[j]` in it, j from `bounds[k]` to `bounds[k + 1]`. Row r has the units from `firsts[r]`; the
    number of its first word is written into `offsets[r]`. With empty `word_starts` it only counts.
    """
    found = 0
    write = len(word_starts) > 0
    for row in range(len(firsts) - 1):
        offsets[row] = found
        for i in range(firsts[row], firsts[row + 1]):
            first, last = bounds[numbers[i]], bounds[numbers[i] + 1]
            if write:
                for j in range(first, last):
                    word_starts[found + j - first] = starts[i] + cut_starts[j]
                    word_ends[found + j - first] = starts[i] + cut_ends[j]
            found += last - first
    offsets[len(firsts) - 1] = found
    return found
