"""The order of values: columns as keys that compare as `sort` specifies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

Direction = Literal["ascending", "descending"]

_SIGN: Final = np.int64(-1 << 63)


@dataclass(frozen=True)
class Order:
    """Columns with whether each is descending; where nulls stand."""

    by: tuple[tuple[str, bool], ...]
    nulls_first: bool


def sortable(t: pa.DataType) -> bool:
    """Whether values of this canonical type have an order here."""
    types = pa.types
    return bool(
        types.is_boolean(t)
        or types.is_integer(t)
        or types.is_floating(t)
        or types.is_decimal(t)
        or types.is_temporal(t)
        or types.is_large_string(t)
        or types.is_large_binary(t)
        or types.is_fixed_size_binary(t)
    )


def sort_keys(table: pa.Table, order: Order) -> tuple[pa.Table, list[tuple[str, Direction]]]:
    """Columns without nulls or NaN, and the direction of each.

    What Arrow's stable sort needs to give the order.
    """
    columns: list[Any] = []
    directions: list[Direction] = []
    for name, descending in order.by:
        column = table[name].combine_chunks()
        if column.null_count:
            nulls = column.is_null().cast(pa.uint8())
            columns.append(nulls)
            directions.append("descending" if order.nulls_first else "ascending")
        columns.append(_comparable(column))
        directions.append("descending" if descending else "ascending")
    names = [str(i) for i in range(len(columns))]
    return pa.table(columns, names=names), list(zip(names, directions, strict=True))


def order_of(keys: tuple[pa.Table, list[tuple[str, Direction]]]) -> Numbers:
    """The row numbers in sorted order; rows with equal keys keep theirs (Arrow's sort is stable)."""
    table, directions = keys
    return pc.sort_indices(table, sort_keys=directions).to_numpy().astype(np.int64)


def _comparable(column: Any) -> Any:
    """The column with one value under all nulls; floats as integers of the same order."""
    t = column.type
    if pa.types.is_floating(t):
        return pa.array(_float_order(column))
    if pa.types.is_boolean(t):
        column = column.cast(pa.uint8())
    elif pa.types.is_large_string(t):
        column = column.cast(pa.large_binary())
    if not column.null_count:
        return column
    some = column.drop_null()
    return column.fill_null(some[0]) if len(some) else pa.array(np.zeros(len(column), np.uint8))


def _float_order(column: Any) -> Numbers:
    """Signed integers that compare as the floats do: -0.0 equals 0.0, every NaN is above all numbers."""
    floats = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    # x + 0.0 makes -0.0 into 0.0; negative floats compare in the opposite order of their magnitude bits.
    raw = (floats + 0.0).view(np.int64)
    ordered = np.where(raw < 0, ~raw ^ _SIGN, raw)
    return np.where(np.isnan(floats), np.iinfo(np.int64).max, ordered)
