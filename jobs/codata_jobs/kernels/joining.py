"""One text's words without anything between them, and what spares most of its n-grams from being looked up.

Words and windows of bytes are told apart by hashes alone here. Where two of them meet, more seems to repeat
than does, and more n-grams are looked up: no verdict depends on a hash.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.octets import put_word, stirred, word
from codata_jobs.kernels.repeats import length

WINDOW: Final = 16
"""Bytes by which an n-gram that repeats is known at first: some three words."""

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_BEYOND_ASCII = np.uint64(0x8080808080808080)


@compiled
def join(
    data: Array,
    starts: Array,
    ends: Array,
    joined: Array,
    at: Array,
    characters: Array,
    hashes: Array,
    seed: Any,
) -> None:
    """Write the words to `joined`, which has room for them and `WINDOW` bytes more; these become 0.

    For the beginning of each word and the end of all, its byte into `at` and its character into `characters`;
    for each word a hash into `hashes`.
    """
    size, count = 0, 0
    at[0] = characters[0] = 0
    for k in range(len(starts)):
        start, end = starts[k], ends[k]
        h, all_ = seed ^ np.uint64(end - start), np.uint64(0)
        for i in range(start, end, 8):
            eight = np.uint64(0)
            if i + 8 <= len(data):
                eight = word(data, i) & (_ALL >> np.uint64(64 - 8 * min(end - i, 8)))
            else:
                for j in range(i, end):
                    eight |= np.uint64(data[np.uint64(j)]) << np.uint64(8 * (j - i))
            # What is written too much lies where the next word goes.
            put_word(joined, size + i - start, eight)
            all_ |= eight
            h = stirred(h, eight)
        size += end - start
        count += length(data, start, end) if all_ & _BEYOND_ASCII else end - start
        at[k + 1], characters[k + 1], hashes[k] = size, count, h
    joined[size : size + WINDOW] = 0


@compiled
def tally(hashes: Array, counts: Array, slots: Array) -> None:
    """For each of `hashes` into `counts` at least how often it is there. `slots`: as for `mark`."""
    slots[:] = 0
    mask = np.uint64(len(slots) - 1)
    for h in hashes:
        slots[np.int64(h & mask)] += 1
    for i in range(len(hashes)):
        counts[i] = slots[np.int64(hashes[i] & mask)]


@compiled
def most_frequent(n: int, characters: Array, counts: Array) -> int:
    """A bound on `ngram_repeats.top`: an n-gram is there no more often than the rarest of its words."""
    most = 0
    for i in range(len(counts) - n + 1):
        least = counts[i]
        for k in range(1, n):
            least = min(least, counts[i + k])
        most = max(most, (characters[i + n] - characters[i] + n - 1) * least)
    return most


@compiled
def mark(joined: Array, at: Array, hashes: Array, met: Array, slots: Array, seed: Any) -> None:
    """Into `met` for each word whether the `WINDOW` bytes from it on are met again from another word on.

    `slots`: by `slots_for`, one string a word; they and `hashes` (one a word) may hold anything.
    """
    slots[:] = 0
    mask = len(slots) - 1
    for i in range(len(hashes)):
        h = stirred(stirred(seed, word(joined, at[i])), word(joined, at[i] + 8))
        hashes[i], met[i] = h, False
        slot: Any = np.int64(h & np.uint64(mask))
        while slots[slot] and hashes[slots[slot] - 1] != h:
            slot = (slot + 1) & mask
        if slots[slot]:
            met[i] = met[slots[slot] - 1] = True
        else:
            slots[slot] = i + 1
