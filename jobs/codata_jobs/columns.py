"""Columns on their way through Polars and back: only the one named; all others keep their exact types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from codata.errors import ParameterError
from codata.steps import need


def need_text(schema: pa.Schema, column: str, what: str) -> None:
    """Raise `MissingColumn` or `ParameterError` unless `column` is there and holds text."""
    need(schema, [column], what)
    found = schema.field(column).type
    if not (pa.types.is_large_string(found) or pa.types.is_string(found)):
        raise ParameterError(
            f"{what}: column {column!r} holds {found}, not text",
            next_step="name a column of text, or cast it first",
        )


def series(table: pa.Table, column: str) -> pl.Series:
    """A column as a Polars series."""
    found = pl.from_arrow(table.select([column]))
    assert isinstance(found, pl.DataFrame)
    return found.to_series()


def to_arrow(values: pl.Series, wanted: pa.DataType) -> Any:
    """A series as an Arrow array of the type wanted."""
    return values.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(wanted)


def reasons(why: Mapping[str, np.ndarray[Any, np.dtype[np.bool_]]]) -> Any:
    """For each row the first reason, in the order given, whose mask is true; null where none is."""
    masks = list(why.values())
    chosen = np.argmax(np.stack([*masks, np.ones_like(masks[0])]), axis=0)
    words = pa.array([*why, None], pa.large_string())
    return words.take(pa.array(chosen))


def replaced(table: pa.Table, column: str, values: Any) -> pa.Table:
    """The table with other values in one column."""
    return table.set_column(table.schema.get_field_index(column), pa.field(column, values.type), values)
