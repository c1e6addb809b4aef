"""n-grams of words: each the words joined by single spaces, as a hash."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.xxh64 import xxh64


@compiled
def ngram_offsets(offsets: Array, n: int) -> Array:
    """Where each row's n-grams begin (int64, rows + 1), for rows whose words begin at `offsets`."""
    found = np.zeros(len(offsets), np.int64)
    for i in range(len(offsets) - 1):
        found[i + 1] = found[i] + max(0, offsets[i + 1] - offsets[i] - n + 1)
    return found


@compiled
def ngram_hashes(data: Array, starts: Array, ends: Array, offsets: Array, n: int) -> Array:
    """XXH64 (seed 0) of every n-gram of every row, in order: uint64.

    Word k of row i is `data[starts[w]:ends[w]]` (uint8) with w = offsets[i] + k.
    """
    where = ngram_offsets(offsets, n)
    found = np.empty(where[-1], np.uint64)
    longest = 0
    for i in range(len(offsets) - 1):
        total = 0
        for w in range(offsets[i], offsets[i + 1]):
            total += ends[w] - starts[w] + 1
        longest = max(longest, total)
    joined = np.empty(longest, np.uint8)  # one row's words, each followed by a space
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        at = 0
        for w in range(first, last):
            for k in range(starts[w], ends[w]):
                joined[at] = data[k]
                at += 1
            joined[at] = np.uint8(32)
            at += 1
        begin, end = 0, -1
        for w in range(first, last):
            end += ends[w] - starts[w] + 1
            if w - first >= n - 1:
                found[where[i] + w - first - n + 1] = xxh64(joined, begin, end, np.uint64(0))
                begin += ends[w - n + 1] - starts[w - n + 1] + 1
    return found
