"""n-grams of one text's words that repeat, compared byte by byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled, inlined
from codata_jobs.kernels.joining import WINDOW
from codata_jobs.kernels.octets import hash_words


@inlined
def slots_for(strings: int) -> int:
    """Slots of a table for so many strings: a power of two, so that half of it at least stays free."""
    size = 4
    while size < 2 * strings:
        size *= 2
    return size


@inlined
def _find(h: Any, i: int, n: int, whole: bool, joined: Array, at: Array, slots: Array) -> Any:
    """The slot of the n-gram of word i, whose hash is h, or the free one where it belongs.

    A slot has the first word of its n-gram and 1 more, or 0. `whole`: equal n-grams have equal words, not
    only equal bytes.
    """
    size: int = at[i + n] - at[i]
    mask = len(slots) - 1
    slot: Any = np.int64(h & np.uint64(mask))
    while slots[slot]:
        j = slots[slot] - 1
        if at[j + n] - at[j] == size:
            same = True
            for k in range(1, n if whole else 1):
                if at[j + k] - at[j] != at[i + k] - at[i]:
                    same = False
                    break
            for k in range(size if same else 0):
                if joined[at[j] + k] != joined[at[i] + k]:
                    same = False
                    break
            if same:
                break
        slot = (slot + 1) & mask
    return slot


@compiled
def top(
    n: int, words: int, joined: Array, at: Array, characters: Array, slots: Array, counts: Array, seed: Any
) -> int:
    """Characters of the most frequent n-gram, times how often it is there; 0 where there is no n-gram.

    Of several the first counts; there is one space between its words. `slots` and `counts` (as many as words)
    may hold anything.
    """
    slots = slots[: slots_for(words)]
    slots[:] = 0
    most, best = 0, 0
    for i in range(words - n + 1):
        h = hash_words(joined, at[i], at[i + n], seed)
        slot = _find(h, i, n, True, joined, at, slots)
        if slots[slot] == 0:
            slots[slot], counts[i] = i + 1, 0
        first = slots[slot] - 1
        counts[first] += 1
        if counts[first] > most or (counts[first] == most and first < best):
            most, best = counts[first], first
    return (characters[best + n] - characters[best] + n - 1) * most if most else 0


@compiled
def duplicated(
    n: int,
    words: int,
    joined: Array,
    at: Array,
    characters: Array,
    met: Array,
    slots: Array,
    places: Array,
    seed: Any,
) -> int:
    """Characters of the n-grams that were met before, going on behind each of these, else a word further.

    `met`: by `joining.mark`; an n-gram of a window's bytes or more can be met again only where that says so,
    and is passed over otherwise. `slots` and `places` (as many as words) may hold anything.
    """
    some = 0
    for i in range(words - n + 1):
        places[some] = i
        some += met[i] or at[i + n] - at[i] < WINDOW
    slots = slots[: slots_for(some)]
    slots[:] = 0
    found, after = 0, 0
    for k in range(some):
        i = places[k]
        if i < after:
            continue
        h = hash_words(joined, at[i], at[i + n], seed)
        slot = _find(h, i, n, False, joined, at, slots)
        if slots[slot]:
            found += characters[i + n] - characters[i]
            after = i + n
        else:
            slots[slot] = i + 1
    return found
