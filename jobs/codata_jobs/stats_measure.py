"""What is counted of each column of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from codata_jobs.columns import series
from codata_jobs.stats_bins import SCHEMA, Numbers, histogram

NULL: Final = "null"
"""The measure that every column has: 1 for a null, 0 for a value."""

_WORD: Final = r"[^\t\n\x0b\f\r ]+"


def measured(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Histograms of all measures of these columns, in order: a table of `stats_bins.SCHEMA`."""
    found = [
        histogram(name, measure, values) for name in columns for measure, values in _measures(table, name)
    ]
    return pa.concat_tables([SCHEMA.empty_table(), *found])


def _measures(table: pa.Table, name: str) -> Iterator[tuple[str, Numbers]]:
    column: Any = table[name]
    yield NULL, column.is_null().to_numpy().astype(np.int64)
    kind, valid = column.type, table.select([name]).drop_null()
    if pa.types.is_large_string(kind):
        texts = series(valid, name)
        yield "characters", texts.str.len_chars().to_numpy().astype(np.int64)
        yield "bytes", texts.str.len_bytes().to_numpy().astype(np.int64)
        yield "words", texts.str.count_matches(_WORD).to_numpy().astype(np.int64)
        open_end = (texts.str.len_bytes() > 0) & ~texts.str.ends_with("\n")
        lines = texts.str.count_matches("\n", literal=True) + open_end.cast(int)
        yield "lines", lines.to_numpy().astype(np.int64)
    elif pa.types.is_large_binary(kind):
        yield "bytes", series(valid, name).bin.size().to_numpy().astype(np.int64)
    elif pa.types.is_large_list(kind):
        lengths: Any = valid[name].combine_chunks()
        yield "items", lengths.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    elif pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and not pa.types.is_uint64(kind)):
        yield "value", valid[name].cast(pa.int64()).to_numpy()
