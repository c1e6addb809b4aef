"""A column of texts as kernels want it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from codata_jobs.text.words import Numbers, buffers


def text_buffers(column: Any) -> tuple[Numbers, Numbers]:
    """The UTF-8 of a column or list of texts (uint8) and where each begins (int64, one more than texts).

    A null is as an empty text.
    """
    if not isinstance(column, pa.Array):
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else texts(column)
    return buffers(column.fill_null(""))


def texts(values: list[str | None]) -> Any:
    """Texts as an array."""
    return pa.array(values, pa.large_string())


def nulls(column: Any) -> Numbers:
    """Where a column is null."""
    found: Numbers = column.is_null().to_numpy().astype(bool)
    return found
