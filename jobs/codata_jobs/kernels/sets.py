"""Sets of hashes: sorted, each once."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled


@compiled
def sorted_sets(hashes: Array, offsets: Array, rows: Array) -> tuple[Array, Array]:
    """The distinct hashes (uint64) of each of `rows`, ascending, and where each row's begin (one more).

    Those of row i are `hashes[offsets[i]:offsets[i + 1]]`.
    """
    total = 0
    for row in rows:
        total += offsets[row + 1] - offsets[row]
    found = np.empty(total, np.uint64)
    where = np.zeros(len(rows) + 1, np.int64)
    at = 0
    for i in range(len(rows)):
        for h in np.sort(hashes[offsets[rows[i]] : offsets[rows[i] + 1]]):
            if at == where[i] or found[at - 1] != h:
                found[at] = h
                at += 1
        where[i + 1] = at
    return found[:at], where


@compiled
def shared(left: Array, left_at: Array, right: Array, right_at: Array, pairs: Array) -> Array:
    """How many hashes the sets `pairs[i, 0]` on the left and `pairs[i, 1]` on the right have in common."""
    found = np.zeros(len(pairs), np.int64)
    for i in range(len(pairs)):
        a, a_end = left_at[pairs[i, 0]], left_at[pairs[i, 0] + 1]
        b, b_end = right_at[pairs[i, 1]], right_at[pairs[i, 1] + 1]
        while a < a_end and b < b_end:
            if left[a] == right[b]:
                found[i] += 1
                a += 1
                b += 1
            elif left[a] < right[b]:
                a += 1
            else:
                b += 1
    return found
