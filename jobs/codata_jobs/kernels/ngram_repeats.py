"""n-grams of one text's words that repeat, compared byte by byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled, inlined
from codata_jobs.kernels.repeats import length

_PRIME = np.uint64((1 << 61) - 1)
_LOW31 = np.uint64((1 << 31) - 1)
_LOW30 = np.uint64((1 << 30) - 1)
_1 = np.uint64(1)
_30 = np.uint64(30)
_31 = np.uint64(31)
_61 = np.uint64(61)


@inlined
def _reduced(x: np.uint64) -> np.uint64:
    """x modulo 2^61 - 1, for any x."""
    x = (x >> _61) + (x & _PRIME)
    return x - _PRIME if x >= _PRIME else x


@inlined
def _times(a: np.uint64, b: np.uint64) -> np.uint64:
    """a·b modulo 2^61 - 1, for a and b below it."""
    a1, a0 = a >> _31, a & _LOW31
    b1, b0 = b >> _31, b & _LOW31
    middle = a0 * b1 + a1 * b0
    return _reduced(((a1 * b1) << _1) + (middle >> _30) + ((middle & _LOW30) << _31) + a0 * b0)


@compiled
def powers_of(base: np.uint64, count: int) -> Array:
    """`base` to the power of 0, 1, … modulo 2^61 - 1."""
    found = np.empty(count, np.uint64)
    power = _1
    for k in range(count):
        found[k] = power
        power = _times(power, base)
    return found


@compiled
def join(
    data: Array, starts: Array, ends: Array, first: int, last: int, base: np.uint64
) -> tuple[Array, Array, Array, Array]:
    """The words from `first` to `last` without anything between them: their bytes, and for the beginning of
    each word and the end of all its byte, its character, and the hash of what is before it.

    Hashes are polynomials modulo 2^61 - 1 at a secret `base`: that of an n-gram is a difference, however its
    bytes fall into words, and nobody can write texts that collide.
    """
    n = last - first
    at = np.zeros(n + 1, np.int64)
    characters = np.zeros(n + 1, np.int64)
    hashes = np.zeros(n + 1, np.uint64)
    for k in range(n):
        at[k + 1] = at[k] + ends[first + k] - starts[first + k]
        characters[k + 1] = characters[k] + length(data, starts[first + k], ends[first + k])
    joined = np.empty(at[n], np.uint8)
    h = np.uint64(0)
    for k in range(n):
        start = starts[first + k] - at[k]
        for i in range(at[k], at[k + 1]):
            joined[i] = data[start + i]
            h = _reduced(_times(h, base) + np.uint64(joined[i]) + _1)
        hashes[k + 1] = h
    return joined, at, characters, hashes


@inlined
def _find(
    i: int,
    n: int,
    whole: bool,
    joined: Array,
    at: Array,
    hashes: Array,
    powers: Array,
    table: Array,
    stamp: int,
) -> Any:
    """The slot of the n-gram of word i among those of this `stamp`, or the free one where it belongs.

    Slots are (stamp, first word, count). `whole`: equal n-grams have equal words, not only equal bytes.
    """
    size: int = at[i + n] - at[i]
    h = _reduced(hashes[i + n] + _PRIME - _times(hashes[i], powers[size]))
    mask = len(table) - 1
    slot: Any = np.int64((h ^ (h >> _31)) & np.uint64(mask))
    while table[slot, 0] == stamp:
        j = table[slot, 1]
        if at[j + n] - at[j] == size:
            same = True
            for k in range(n if whole else 0):
                if at[j + k] - at[j] != at[i + k] - at[i]:
                    same = False
                    break
            for k in range(size if same else 0):
                if joined[at[j] + k] != joined[at[i] + k]:
                    same = False
                    break
            if same:
                return slot
        slot = (slot + 1) & mask
    return slot


@compiled
def top(
    n: int,
    joined: Array,
    at: Array,
    characters: Array,
    hashes: Array,
    powers: Array,
    table: Array,
    stamp: int,
) -> int:
    """Characters of the most frequent n-gram, times how often it is there; 0 where there is no n-gram.

    Of several the first counts; there is one space between its words.
    """
    most, best = 0, 0
    for i in range(len(at) - n):
        slot = _find(i, n, True, joined, at, hashes, powers, table, stamp)
        if table[slot, 0] != stamp:
            table[slot, 0], table[slot, 1], table[slot, 2] = stamp, i, 0
        table[slot, 2] += 1
        count, first = table[slot, 2], table[slot, 1]
        if count > most or (count == most and first < best):
            most, best = count, first
    return (characters[best + n] - characters[best] + n - 1) * most if most else 0


@compiled
def duplicated(
    n: int,
    joined: Array,
    at: Array,
    characters: Array,
    hashes: Array,
    powers: Array,
    table: Array,
    stamp: int,
) -> int:
    """Characters of the n-grams that were met before, going on behind each of these, else a word further."""
    found: int = 0
    i = 0
    while i < len(at) - n:
        slot = _find(i, n, False, joined, at, hashes, powers, table, stamp)
        if table[slot, 0] == stamp:
            found += characters[i + n] - characters[i]
            i += n
        else:
            table[slot, 0], table[slot, 1] = stamp, i
            i += 1
    return found
