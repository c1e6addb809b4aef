"""Gopher's repetition rules over a column of texts."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.joining import WINDOW, join, mark, most_frequent, tally
from codata_jobs.kernels.ngram_repeats import duplicated, slots_for, top
from codata_jobs.kernels.repeats import length, repeated, stripped, table_for


@compiled
def repeated_lines(
    data: Array, rows: Array, flags: Array, space: int, bounds: Array, seed: np.uint64
) -> tuple[Array, Array]:
    """Of each row the first rule about paragraphs and lines that it breaks, and its characters (int64).

    0: none; 1: no text; 2 to 5: `bounds` 0 to 3 (fraction of repeated paragraphs, of their characters, of
    repeated lines, of theirs), of which 0 is no bound. `rows`: byte positions, one more than rows.
    """
    broken = np.zeros(len(rows) - 1, np.int64)
    total = np.zeros(len(rows) - 1, np.int64)
    table = table_for(data, rows)
    for row in range(len(rows) - 1):
        start, end = rows[row], rows[row + 1]
        total[row] = length(data, start, end)
        if start == end:
            broken[row] = 1
            continue
        first, last = stripped(data, start, end, flags, space)
        for part in range(2):
            if part == 0:
                all_, again, characters = repeated(data, first, last, 2, table, 2 * row + 1, seed)
            else:
                all_, again, characters = repeated(data, start, end, 1, table, 2 * row + 2, seed)
            if bounds[2 * part] and again / all_ > bounds[2 * part]:
                broken[row] = 2 + 2 * part
                break
            if bounds[2 * part + 1] and characters / total[row] > bounds[2 * part + 1]:
                broken[row] = 3 + 2 * part
                break
    return broken, total


@compiled
def repeated_words(
    data: Array,
    starts: Array,
    ends: Array,
    offsets: Array,
    total: Array,
    top_n: Array,
    top_bounds: Array,
    dup_n: Array,
    dup_bounds: Array,
    seed: np.uint64,
) -> Array:
    """Of each row the first rule about n-grams that it breaks, from 6 on, or 0 (int64).

    `top_n`, `top_bounds`: the most frequent n-gram's share of the row's characters (`total`); then `dup_n`,
    `dup_bounds`: that of repeated n-grams.
    """
    broken = np.zeros(len(offsets) - 1, np.int64)
    most, longest = 0, 0
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        if first < last:
            most = max(most, last - first)
            longest = max(longest, ends[last - 1] - starts[first])
    table = np.empty(slots_for(most), np.int64)
    at, characters = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    joined, hashes = np.empty(longest + WINDOW, np.uint8), np.empty(most, np.uint64)
    counts, places, met = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.bool_)
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        words = last - first
        slots = table[: slots_for(words)]
        join(data, starts[first:last], ends[first:last], joined, at, characters, hashes, seed)
        tally(hashes[:words], counts[:words], slots)
        for rule in range(len(top_n)):
            n, bound = top_n[rule], top_bounds[rule]
            if most_frequent(n, characters, counts[:words]) / total[row] > bound:
                found = top(n, words, joined, at, characters, slots, places, seed)
                if found / total[row] > bound:
                    broken[row] = 6 + rule
                    break
        if broken[row]:
            continue
        mark(joined, at, hashes[:words], met, slots, seed)
        for rule in range(len(dup_n)):
            n, bound = dup_n[rule], dup_bounds[rule]
            found = duplicated(n, words, joined, at, characters, met, slots, places, seed)
            if found / total[row] > bound:
                broken[row] = 6 + len(top_n) + rule
                break
    return broken
