"""Columns as a training loop takes them: NumPy views where the type has one, Arrow arrays for the rest."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from codata.feed.errors import NullValues

Dense = NDArray[np.generic]
"""Shape (rows, *inner): numbers, booleans, fixed-size lists of numbers."""

ArrowArray: TypeAlias = "pa.Array[Any]"
Column: TypeAlias = "Dense | ArrowArray"


def inner_shape(type_: pa.DataType) -> tuple[int, ...] | None:
    """One value's shape in NumPy: () for a number, (n,) for a fixed-size list; None where it stays Arrow."""
    shape: list[int] = []
    while pa.types.is_fixed_size_list(type_):
        shape.append(type_.list_size)
        type_ = type_.value_type
    is_dense = pa.types.is_integer(type_) or pa.types.is_floating(type_)
    return tuple(shape) if is_dense or (pa.types.is_boolean(type_) and not shape) else None


def dense(array: Any, name: str) -> Dense:
    """A read-only view of a column of numbers or lists of them; a copy of booleans, which are bits in Arrow.

    Raises `NullValues` where NumPy would need a value and there is none.
    """
    length, shape = len(array), inner_shape(array.type)
    while pa.types.is_fixed_size_list(array.type):
        _refuse_nulls(array, name)
        array = array.flatten()
    _refuse_nulls(array, name)
    flat: Dense = array.to_numpy(zero_copy_only=not pa.types.is_boolean(array.type))
    return flat.reshape(length, *(shape or ()))


def dtype_of(type_: pa.DataType) -> np.dtype[np.generic]:
    """The element type of the column's array."""
    while pa.types.is_fixed_size_list(type_):
        type_ = type_.value_type
    return np.dtype(type_.to_pandas_dtype())


def _refuse_nulls(array: ArrowArray, name: str) -> None:
    if array.null_count:
        raise NullValues(f"column {name!r} has {array.null_count} nulls among {len(array)} values")
