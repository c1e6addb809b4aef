"""Give a table exactly a schema: columns and fields by name, absent ones null, leaves cast without loss."""

from __future__ import annotations

import pyarrow as pa

from codata.errors import UnfitValue
from codata.ingest.compute import pc
from codata.ingest.observe import flat, is_list
from codata.table.buffers import ArrowArray, ArrowType

# What pyarrow raises for a value that its new type can't hold, or for a cast that it does not have.
CAST_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """`table` under `schema`. Raises `UnfitValue` naming file `name`, the column, the row and its value."""
    columns = []
    found = by_name(table)
    for field in schema:
        if field.name not in found:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        array = flat(found[field.name])
        try:
            columns.append(conform_array(array, field.type))
        except CAST_ERRORS:
            row = first_unfit(array, field.type)
            raise UnfitValue(
                f"{name}, row {row + 1} of its stretch: column {field.name!r} holds "
                f"{_short(array[row])}, which is no {field.type}"
            ) from None
    return from_columns(columns, schema, table.num_rows)


def by_name(table: pa.Table) -> dict[str, ArrowArray]:
    """The columns by their names. A table goes through all of its names each time that it is asked for
    one."""
    return dict(zip(table.column_names, table.columns, strict=True))


def from_columns(columns: list[ArrowArray], schema: pa.Schema, rows: int) -> pa.Table:
    """A table that keeps its row count even without columns."""
    if columns:
        return pa.Table.from_arrays(columns, schema=schema)
    empty: ArrowArray = pa.array([{}] * rows, pa.struct([]))
    return pa.Table.from_struct_array(empty)


def conform_array(array: ArrowArray, target: ArrowType) -> ArrowArray:
    """`array` as `target`. Raises one of `CAST_ERRORS`."""
    source = array.type
    if source == target:
        return array
    if isinstance(array, pa.ExtensionArray):
        return conform_array(array.storage, target)
    if pa.types.is_dictionary(source):
        return conform_array(array.dictionary_decode(), target)
    if pa.types.is_run_end_encoded(source):
        return conform_array(pc.run_end_decode(array), target)
    if pa.types.is_null(source) or (pa.types.is_null(target) and array.null_count == len(array)):
        return pa.nulls(len(array), target)
    if pa.types.is_struct(source) and pa.types.is_struct(target):
        return _struct(array, target)
    if is_list(source) and is_list(target):
        return _list(array, target)
    return array.cast(target)


def first_unfit(array: ArrowArray, target: ArrowType) -> int:
    """The index of the first value that does not convert, by halving; `array` is known to hold one."""
    start, end = 0, len(array)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            conform_array(array.slice(start, middle - start), target)
        except CAST_ERRORS:
            end = middle
        else:
            start = middle
    return start


def _struct(array: ArrowArray, target: ArrowType) -> ArrowArray:
    # flatten() spreads the parent's nulls over the children, so that nothing under a null is looked at.
    found = dict(zip((f.name for f in array.type), array.flatten(), strict=True))
    children = [
        conform_array(found[f.name], f.type) if f.name in found else pa.nulls(len(array), f.type)
        for f in target
    ]
    if not children:
        return array
    return pa.StructArray.from_arrays(children, fields=list(target), mask=array.is_null())


def _list(array: ArrowArray, target: ArrowType) -> ArrowArray:
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int64())
    offsets: ArrowArray = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    values = conform_array(array.flatten(), target.value_type)
    make = pa.LargeListArray if pa.types.is_large_list(target) else pa.ListArray
    if make is pa.ListArray:
        offsets = offsets.cast(pa.int32())
    return make.from_arrays(offsets, values, type=target, mask=array.is_null())


def _short(value: ArrowArray) -> str:
    text = repr(value.as_py())
    return text if len(text) <= 60 else text[:57] + "..."
