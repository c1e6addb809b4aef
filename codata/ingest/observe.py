"""What the values of arrays suggest: a `types.Node` for each column, with the places that messages need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cid_store.errors import LimitExceeded
from codata.ingest.compute import pc
from codata.ingest.types import Columns, Node, Where
from codata.table.buffers import ArrowArray, ArrowType
from codata.table.types import MAX_DEPTH, canonical_type

EXACT: Final = 2**53
"""Every integer up to this absolute value is a double; beyond it, some are not (IEEE 754 binary64)."""

RowOf = Callable[[int], int]
Rows = npt.NDArray[np.int64]


def columns_of(table: pa.Table, place: Callable[[int], Where]) -> Columns:
    """The nodes of a table's columns. `place` gives the place of a row of the table."""
    return tuple(
        (name, node_of(flat(column), place, name))
        for name, column in zip(table.column_names, table.columns, strict=True)
    )


def flat(column: ArrowArray) -> ArrowArray:
    """A column as one array; not copied where it is one already."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def node_of(
    array: ArrowArray, place: Callable[[int], Where], path: str, row: RowOf = lambda i: i, depth: int = 1
) -> Node:
    """The node of one array; `row` maps its indices to rows of the table. Raises `LimitExceeded`."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"column {path!r} is nested deeper than {MAX_DEPTH} levels")
    first = _first_valid(array)
    where = None if first is None else place(row(first))
    if pa.types.is_struct(array.type):
        fields = zip(array.type, array.flatten(), strict=True)
        return Node(
            where=where,
            fields=tuple((f.name, node_of(a, place, f"{path}.{f.name}", row, depth + 1)) for f, a in fields),
        )
    if is_list(array.type):
        parents = pc.list_parent_indices(array)
        item = node_of(array.flatten(), place, f"{path}[]", lambda i: row(parents[i].as_py()), depth + 1)
        return Node(where=where, item=item)
    inexact = first_inexact(array)
    return Node(canonical_type(array.type, path), where, None if inexact is None else place(row(inexact)))


def is_list(t: ArrowType) -> bool:
    """Whether `t` is a list of varying length."""
    return pa.types.is_list(t) or pa.types.is_large_list(t)


def doubtful_rows(array: ArrowArray) -> Rows:
    """The rows that hold a double, at any depth, which an integer literal could have been rounded to.

    NaN and infinities count: their spellings need a look, too.
    """
    if pa.types.is_float64(array.type):
        inside = pc.less(pc.abs(array), float(EXACT))
        return np.flatnonzero(pc.fill_null(pc.invert(inside), False).to_numpy(zero_copy_only=False))
    children: Iterator[Rows] = iter(())
    if pa.types.is_struct(array.type):
        children = (doubtful_rows(child) for child in array.flatten())
    elif is_list(array.type) and _holds_doubles(array.type):
        found = doubtful_rows(array.flatten())
        if len(found):
            children = iter([pc.list_parent_indices(array).take(pa.array(found)).to_numpy()])
    return np.unique(np.concatenate([np.empty(0, np.int64), *children]))


def _holds_doubles(t: ArrowType) -> bool:
    if pa.types.is_struct(t):
        return any(_holds_doubles(f.type) for f in t)
    return _holds_doubles(t.value_type) if is_list(t) else bool(pa.types.is_float64(t))


def _first_valid(array: ArrowArray) -> int | None:
    if pa.types.is_null(array.type) or array.null_count == len(array):
        return None
    if not array.null_count:
        return 0
    found: int = pc.index(pc.is_valid(array), True).as_py()
    return found


def first_inexact(array: ArrowArray) -> int | None:
    """The index of the first integer that a double would change."""
    if not pa.types.is_integer(array.type) or array.type.bit_width < 64 or array.null_count == len(array):
        return None
    bounds = pc.min_max(array)
    if bounds["min"].as_py() >= -EXACT and bounds["max"].as_py() <= EXACT:
        return None
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    doubles = values.astype(np.float64)
    limit = 2.0 ** (63 if pa.types.is_signed_integer(array.type) else 64)
    fits = doubles < limit  # what rounds up to the limit can't be turned back
    same = np.where(fits, doubles, 0).astype(values.dtype) == values
    found = np.flatnonzero(~(fits & same))
    return int(found[0]) if len(found) else None
