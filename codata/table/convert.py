"""Any supported Arrow array as one of its column's canonical type: the same values, another encoding.

Buffers may still hold anything where a value is null; `codata.table.canonical` settles that. `live` marks
the slots whose value counts: what lies under a null parent must not make a checked cast fail.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from codata.errors import InvalidTable
from codata.table.buffers import (
    ArrowArray,
    ArrowType,
    Indices,
    Mask,
    bitmap,
    buffer_of,
    numbers,
    validity,
    with_validity,
)
from codata.table.types import canonical_type, is_list_like


def convert(array: ArrowArray, column: str, live: Mask | None = None) -> ArrowArray:
    """`array` with its canonical type; the same object where it has it already.

    Raises `InvalidTable` naming `column` for values that the canonical type can't hold.
    """
    target = canonical_type(array.type, column)
    if array.type.equals(target, check_metadata=True):
        return array
    types = pa.types
    if isinstance(array, pa.ExtensionArray):
        return convert(array.storage, column, live)
    if types.is_dictionary(array.type):
        return convert(array.dictionary, column).take(array.indices)
    if types.is_run_end_encoded(array.type):
        return convert(array.values, column).take(pa.array(_runs(array)))
    valid = _and(validity(array), live)
    if is_list_like(array.type) or types.is_map(array.type):
        return _convert_list(array, target, column, valid)
    if types.is_fixed_size_list(array.type):
        return _convert_fixed_list(array, target, column, valid)
    if types.is_struct(array.type):
        fields = [convert(array.field(i), column, valid) for i in range(array.type.num_fields)]
        return pa.Array.from_buffers(target, len(array), [bitmap(valid)], children=fields)
    return _cast(array, target, column, valid)


def _and(a: Mask | None, b: Mask | None) -> Mask | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _runs(array: ArrowArray) -> Indices:
    """The index into `values` of every slot of a run-end encoded array."""
    ends = array.run_ends.to_numpy().astype(np.int64)
    slots = np.arange(array.offset, array.offset + len(array), dtype=np.int64)
    return np.searchsorted(ends, slots, side="right")


def _convert_list(array: ArrowArray, target: ArrowType, column: str, valid: Mask | None) -> ArrowArray:
    starts, sizes = _extents(array)
    if valid is not None:
        sizes = np.where(valid, sizes, 0)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    # Where slot i's elements follow slot i-1's without a gap, the child is a slice; elsewhere it is gathered.
    picked = np.repeat(starts - offsets[:-1], sizes) + np.arange(offsets[-1])
    first = int(picked[0]) if len(picked) else 0
    values = _elements(array)
    if len(picked) and int(picked[-1]) - first + 1 == len(picked) and bool((np.diff(picked) == 1).all()):
        child = convert(values.slice(first, len(picked)), column)
    else:
        live = np.zeros(len(values), np.bool_)
        live[picked] = True
        child = convert(values, column, live).take(pa.array(picked))
    return pa.Array.from_buffers(target, len(array), [bitmap(valid), buffer_of(offsets)], children=[child])


def _extents(array: ArrowArray) -> tuple[Indices, Indices]:
    """Where each slot's elements start in the child, and how many they are."""
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        return _int64(array.offsets), _int64(array.sizes)
    if len(array) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    wide = pa.types.is_large_list(array.type)
    kind = np.int64 if wide else np.int32
    ends = numbers(array.buffers()[1], kind)[array.offset :][: len(array) + 1]
    ends = ends.astype(np.int64, copy=False)
    return ends[:-1], np.diff(ends)


def _elements(array: ArrowArray) -> ArrowArray:
    if pa.types.is_map(array.type):
        return pa.StructArray.from_arrays([array.keys, array.items], names=["key", "value"])
    return array.values


def _int64(array: ArrowArray) -> Indices:
    found: Indices = array.to_numpy().astype(np.int64, copy=False)
    return found


def _convert_fixed_list(array: ArrowArray, target: ArrowType, column: str, valid: Mask | None) -> ArrowArray:
    size = target.list_size
    values = array.values.slice(array.offset * size, len(array) * size)
    child = convert(values, column, None if valid is None else np.repeat(valid, size))
    return pa.Array.from_buffers(target, len(array), [bitmap(valid)], children=[child])


def _cast(array: ArrowArray, target: ArrowType, column: str, valid: Mask | None) -> ArrowArray:
    if valid is not None:
        array = with_validity(array, valid)
    try:
        if pa.types.is_time32(array.type):
            array.validate(full=True)  # the cast from seconds wraps silently
        return array.cast(target)
    except pa.ArrowInvalid as e:
        raise InvalidTable(f"column {column!r}: {e}") from None
