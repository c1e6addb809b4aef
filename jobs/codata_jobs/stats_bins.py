"""Histograms of integers in fixed bins: exact counts that add up, whatever the parts.

Bins grow with the numbers: 0 to 15 have one each, and every octave above has eight of equal width, so that a
bin is at most an eighth of its least number wide. Negative numbers have the mirrored bins.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Numbers = np.ndarray[Any, np.dtype[Any]]

_STEPS: Final = 3
"""log2 of the bins in an octave."""

MEASURES: Final = ("null", "characters", "bytes", "words", "lines", "items", "value")
"""All measures, in the order in which those of a column stand."""

_TYPES: Final[dict[str, Any]] = {
    "column": pa.large_string(),
    "measure": pa.large_string(),
    "low": pa.int64(),
    "high": pa.int64(),
    "count": pa.int64(),
    "total": pa.decimal128(38, 0),
}

SCHEMA: Final = pa.schema(_TYPES)
"""A row is one bin: of the values of a measure of a column, `count` lie from `low` to `high`, both taken in,
and they add up to `total`."""


def bounds(values: Numbers) -> tuple[Numbers, Numbers]:
    """The least and the greatest number of the bin of each value (int64)."""
    negative = values < 0
    size = np.where(negative, np.uint64(0) - values.astype(np.uint64), values.astype(np.uint64))
    octave = np.zeros(len(values), np.uint64)
    left = size.copy()
    for bits in (32, 16, 8, 4, 2, 1):
        above = left >= np.uint64(1) << np.uint64(bits)
        left = np.where(above, left >> np.uint64(bits), left)
        octave += np.where(above, np.uint64(bits), np.uint64(0))
    shift = np.where(octave > _STEPS, octave - np.uint64(_STEPS), np.uint64(0))
    low = size >> shift << shift
    high = low + (np.uint64(1) << shift) - np.uint64(1)
    mirrored = np.uint64(0) - high, np.uint64(0) - low
    least = np.where(negative, np.maximum(mirrored[0], np.uint64(1 << 63)), low).astype(np.int64)
    return least, np.where(negative, mirrored[1], high).astype(np.int64)


def histogram(column: str, measure: str, values: Numbers) -> pa.Table:
    """The bins of values (int64) that have any, in order."""
    values = np.sort(values)
    low, high = bounds(values)
    starts = np.flatnonzero(np.diff(low, prepend=low[:1] - 1)) if len(values) else np.empty(0, np.int64)
    counts = np.diff(starts, append=len(values))
    # Two sums that can't overflow: of the lower 32 bits, and of those above.
    below = np.add.reduceat(values & 0xFFFFFFFF, starts) if len(starts) else starts
    above = np.add.reduceat(values >> 32, starts) if len(starts) else starts
    totals = [(a << 32) + b for a, b in zip(above.tolist(), below.tolist(), strict=True)]
    names = (pa.repeat(pa.scalar(name, pa.large_string()), len(starts)) for name in (column, measure))
    numbers = (pa.array(n, pa.int64()) for n in (low[starts], high[starts], counts))
    return pa.table([*names, *numbers, pa.array(totals, pa.decimal128(38, 0))], schema=SCHEMA)


def merged(tables: list[pa.Table]) -> pa.Table:
    """The sum of histograms of the same columns, which come in the order of the first.

    A part whose values of a column are all null has none of its measures: their order is fixed.
    """
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    sums = whole.group_by(SCHEMA.names[:4], use_threads=False).aggregate([("count", "sum"), ("total", "sum")])
    made = sums.rename_columns(SCHEMA.names).cast(SCHEMA)
    columns = _places(made["column"], pc.unique(whole["column"]))
    measures = _places(made["measure"], pa.array(MEASURES, pa.large_string()))
    order: Numbers = np.lexsort([made["low"].to_numpy(), measures, columns])
    return made.take(pa.array(order, pa.int64()))


def _places(names: Any, among: Any) -> Numbers:
    """Where each name stands among all."""
    found: Numbers = pc.index_in(names, value_set=among).to_numpy()
    return found
