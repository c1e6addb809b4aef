"""Which rows match: keys of two sides to pairs of row numbers, in left order, then right order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from codata.errors import TaskFailed
from codata.plan.exchange import taken
from codata_jobs.keys import KEY_PREFIX, Array, digests, encode_rows

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

MAX_ROWS: Final = 1 << 27
"""Rows that one task may make.

Keys that repeat on both sides multiply, and memory is a machine's, not a plan's.
"""


@dataclass(frozen=True)
class Matches:
    """For each output row its left row number, and its right row number or -1 where it has none."""

    left: Numbers
    right: Numbers


def key_digests(table: pa.Table, columns: Sequence[str]) -> Array:
    """The digest of each row's key; null where any key column is null, since null equals nothing."""
    found = digests(encode_rows(table, columns, KEY_PREFIX))
    complete = np.ones(table.num_rows, dtype=np.bool_)
    for name in columns:
        complete &= table[name].is_valid().to_numpy()
    return found if complete.all() else pc.if_else(pa.array(complete), found, pa.scalar(None, found.type))


def match(left: Array, right: Array, unmatched: bool) -> Matches:
    """Pairs of rows with equal keys; with `unmatched`, left rows without one come once.

    Raises `TaskFailed`.
    """
    codes = pa.concat_arrays([left, right]).dictionary_encode().indices.fill_null(-1).to_numpy()
    wanted, held = codes[: len(left)], codes[len(left) :]
    present = np.flatnonzero(held >= 0)
    order = present[np.argsort(held[present], kind="stable")]
    ordered = held[order]
    starts = np.searchsorted(ordered, wanted, "left")
    counts = np.searchsorted(ordered, wanted, "right") - starts
    pairs = expand(starts, counts, unmatched)
    found = np.full(len(pairs.right), -1, np.int64)
    has = pairs.right >= 0
    found[has] = order[pairs.right[has]]
    return Matches(pairs.left, found)


def expand(starts: Numbers, counts: Numbers, unmatched: bool) -> Matches:
    """Left row i with each of the right positions `starts[i]` to `starts[i] + counts[i]`.

    Raises `TaskFailed`.
    """
    each = np.maximum(counts, 1) if unmatched else counts
    total = int(each.sum())
    if total > MAX_ROWS:
        raise TaskFailed(
            f"join: {total} rows come of {len(counts)}, more than {MAX_ROWS} in one task",
            next_step="make the keys of one side unique first, for example by dedup.exact on the key columns",
        )
    left = np.repeat(np.arange(len(counts)), each)
    within = np.arange(total) - np.repeat(np.cumsum(each) - each, each)
    right = np.repeat(starts, each) + within
    right[counts[left] == 0] = -1
    return Matches(left, right)


def pair(left: pa.Table, right: pa.Table, found: Matches) -> pa.Table:
    """The rows of both sides beside each other; nulls where there is no right row."""
    rows = taken(left, found.left)
    matched = taken(right, found.right, found.right < 0)
    for name in matched.column_names:
        rows = rows.append_column(matched.schema.field(name), matched[name])
    return rows
