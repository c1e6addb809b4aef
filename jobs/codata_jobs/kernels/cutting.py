"""Units cut in words as spaCy's tokenizer cuts them, where the rules known here say all there is to say."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from codata_jobs.kernels.addresses import NO, address
from codata_jobs.kernels.affixes import ACTIVE, UNSURE, infix, prefix, suffix
from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.interning import find

Known: TypeAlias = tuple[Array, Array, Array, np.uint64]
"""`arena`, `bounds`, `slots` and `seed` of `interning`: the strings of which the first are special cases."""

Special: TypeAlias = tuple[int, int, Array, Array, Array, Array]
"""Of special cases: how many there are, the bytes of the longest, by which two bytes one may begin and end
(256 by 256), and their words: bounds, starts, ends."""

_SPACE = 0x20


@compiled
def _special(data: Array, start: int, end: int, known: Known, special: Special) -> int:
    """The number of the special case `data[start:end]`, or -1."""
    arena, bounds, slots, seed = known
    count, longest, edges, _, _, _ = special
    if 0 < end - start <= longest and edges[data[start], data[end - 1]]:
        found, _ = find(data, start, end, arena, bounds, slots, seed)
        return found if found < count else -1
    return -1


@compiled
def _cut(
    begin: int,
    low: int,
    high: int,
    codes: Array,
    kinds: Array,
    at: Array,
    measures: Array,
    known: Known,
    special: Special,
    starts: Array,
    ends: Array,
    found: int,
) -> int:
    """Write the words of a chunk, characters `low` to `high` of the unit at byte `begin`, from number `found`
    on; return how many there are then, or `UNSURE`.

    Prefixes and suffixes are taken off by turns until there are none or a special case is left, which has
    words of its own; what else is left is cut at infixes. Suffixes wait at the end of `starts` and `ends`.
    """
    arena = known[0]
    behind = len(starts)
    case = -1
    while low < high:
        case = _special(arena, begin + at[low], begin + at[high], known, special)
        if case >= 0:
            break
        front = prefix(codes, kinds, low, high)
        if front:
            case = _special(arena, begin + at[low + front], begin + at[high], known, special)
        back = 0 if case >= 0 else suffix(codes, kinds, low + front, high, measures)
        if back == UNSURE:
            return UNSURE
        if back:
            case = _special(arena, begin + at[low], begin + at[high - back], known, special)
            if case >= 0:
                front = 0
        if front:
            starts[found], ends[found] = at[low], at[low + front]
            found += 1
        if back:
            behind -= 1
            starts[behind], ends[behind] = at[high - back], at[high]
        low += front
        high -= back
        if case >= 0 or front + back == 0:
            break
    if case >= 0:
        _, _, _, bounds, case_starts, case_ends = special
        for k in range(bounds[case], bounds[case + 1]):
            starts[found], ends[found] = at[low] + case_starts[k], at[low] + case_ends[k]
            found += 1
    else:
        found = _part(codes, kinds, at, low, high, starts, ends, found)
    if found >= 0:
        for k in range(behind, len(starts)):
            starts[found], ends[found] = starts[k], ends[k]
            found += 1
    return found


@compiled
def _part(
    codes: Array, kinds: Array, at: Array, low: int, high: int, starts: Array, ends: Array, found: int
) -> int:
    """Write what infixes make of `low` to `high`; return how many words there are then, or `UNSURE`."""
    here, word = low, low
    while here < high:
        size = infix(codes, kinds, low, here, high) if kinds[here] & ACTIVE else 0
        if size and here > low:
            if word == low:
                whole = address(codes, low, high)
                if whole == UNSURE:
                    return UNSURE
                if whole != NO:
                    break
            if here > word:
                starts[found], ends[found] = at[word], at[here]
                found += 1
            starts[found], ends[found] = at[here], at[here + size]
            found += 1
            word = here + size
        here += max(size, 1)
    if word < high:
        starts[found], ends[found] = at[word], at[high]
        found += 1
    return found


@compiled
def _changed(
    begin: int, starts: Array, ends: Array, first: int, last: int, known: Known, special: Special
) -> bool:
    """Whether the words from `first` to `last` of a chunk may hold a special case with other words than they
    are: spaCy looks for those at last, among words however they came about."""
    _, longest, _, bounds, case_starts, _ = special
    for word in range(first, last):
        start = begin + starts[word]
        for other in range(word, last):
            if begin + ends[other] - start > longest:
                break
            case = _special(known[0], start, begin + ends[other], known, special)
            if case >= 0:
                if bounds[case + 1] - bounds[case] != other + 1 - word:
                    return True
                for k in range(bounds[case], bounds[case + 1]):
                    mine = word + k - bounds[case]
                    if starts[mine] - starts[word] != case_starts[k]:
                        return True
    return False


@compiled
def cut(
    first: int,
    count: int,
    known: Known,
    special: Special,
    table: Array,
    measures: Array,
    starts: Array,
    ends: Array,
    counts: Array,
) -> int:
    """Cut the units from `first` to `count` of those `known`; return how many words there are.

    Writes byte positions in each unit into `starts` and `ends`, which have room for a word a byte, and into
    `counts` how many words each unit has: 0 where spaCy is to be asked. `table`: kinds by code point.
    """
    arena, bounds, _, _ = known
    room = 0
    for k in range(first, count):
        room = max(room, bounds[k + 1] - bounds[k])
    codes, kinds, at = np.empty(room, np.int32), np.empty(room, np.uint16), np.empty(room + 1, np.int32)
    heads, tails = np.empty(room, np.int32), np.empty(room, np.int32)
    total = 0
    for k in range(first, count):
        begin, end = bounds[k], bounds[k + 1]
        here, size, active = begin, 0, 0
        while here < end:
            code, wide = int(arena[here]), 1
            if code >= 0x80:
                code, wide = decode(arena, here, end)
            codes[size], kinds[size], at[size] = code, table[code], here - begin
            active |= table[code]
            size += 1
            here += wide
        at[size] = end - begin
        counts[k - first] = 0
        if active & ACTIVE == 0:
            starts[total], ends[total] = 0, end - begin
            counts[k - first] = 1
            total += 1
            continue
        found, low = 0, 0
        while low < size and found >= 0:
            high = low
            while high < size and codes[high] != _SPACE:
                high += 1
            before = found
            found = _cut(begin, low, high, codes, kinds, at, measures, known, special, heads, tails, before)
            if found > 0 and _changed(begin, heads, tails, before, found, known, special):
                found = UNSURE
            low = high + 1
        for word in range(max(found, 0)):
            starts[total + word], ends[total + word] = heads[word], tails[word]
        counts[k - first] = max(found, 0)
        total += max(found, 0)
    return total
