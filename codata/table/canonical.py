"""One recursive rebuild: the canonical array of given values, and tables as canonical blocks of rows.

Specified in `docs/spec/table.md`. Equal values in equal order give equal buffers, however they were built,
chunked or sliced. What is canonical already is sliced, not copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
import pyarrow as pa

from codata.errors import InvalidTable
from codata.table.buffers import (
    NO_BYTES,
    ArrowArray,
    ArrowType,
    Indices,
    Mask,
    Numbers,
    bitmap,
    bits,
    buffer_of,
    numbers,
    offsets_of,
    validity,
    with_validity,
)
from codata.table.convert import convert
from codata.table.types import canonical_schema

BLOCK_ROWS: Final = 65_536
"""Rows of a block: of a record batch in a shard, and of a step of the logical hash."""

_NAN: Final = {  # the quiet NaN of IEEE 754 with sign and payload zero, by width: (bits, infinity's bits)
    2: (0x7E00, 0x7C00),
    4: (0x7FC0_0000, 0x7F80_0000),
    8: (0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0000),
}

_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Canonical:
    """A table rebuilt once, for all that is computed from it: canonical schema, canonical blocks in order."""

    schema: pa.Schema
    blocks: tuple[pa.RecordBatch, ...]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """`table` in canonical form; raises what `canonical_table` raises."""
        return cls(canonical_schema(table.schema), tuple(canonical_blocks(table)))

    @property
    def num_rows(self) -> int:
        """Rows over all blocks."""
        return sum(block.num_rows for block in self.blocks)


Rows: TypeAlias = "pa.Table | Canonical"
"""Any table, or one that was rebuilt and is not rebuilt again."""


def canonical_table(table: pa.Table) -> pa.Table:
    """`table` in canonical form: canonical schema, one chunk per block, canonical arrays.

    Raises `UnsupportedType`, `InvalidSchema` or `InvalidTable`, naming the column.
    """
    return pa.Table.from_batches(canonical_blocks(table), canonical_schema(table.schema))


def canonical_blocks(table: Rows) -> Iterator[pa.RecordBatch]:
    """The blocks of `table` in order: `BLOCK_ROWS` rows each, the last one shorter; none for no rows."""
    if isinstance(table, Canonical):
        yield from table.blocks
        return
    schema = canonical_schema(table.schema)
    columns = [_converted(table.column(i), f.name, f.type) for i, f in enumerate(schema)]
    for start in range(0, table.num_rows, BLOCK_ROWS):
        length = min(BLOCK_ROWS, table.num_rows - start)
        arrays = [_joined(column.slice(start, length)) for column in columns]
        yield _batch(schema, arrays)


def canonical_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` in canonical form, of any length; raises what `canonical_table` raises."""
    schema = canonical_schema(batch.schema)
    return _batch(schema, [convert(c, f.name) for c, f in zip(batch.columns, schema, strict=True)])


def _batch(schema: pa.Schema, arrays: list[ArrowArray]) -> pa.RecordBatch:
    rebuilt = []
    for array, field in zip(arrays, schema, strict=True):
        array = rebuild(array)
        try:
            array.validate(full=True)
        except pa.ArrowInvalid as e:
            raise InvalidTable(f"column {field.name!r}: {e}") from None
        rebuilt.append(array)
    return pa.RecordBatch.from_arrays(rebuilt, schema=schema)


def _converted(column: ArrowArray, name: str, target: ArrowType) -> ArrowArray:
    blocks = len(column) // BLOCK_ROWS + 1
    chunks = [convert(chunk, name) for chunk in column.chunks]
    if len(chunks) > 4 * blocks:  # slicing walks the chunks: thousands of tiny ones would make it quadratic
        chunks = [pa.concat_arrays(chunks)]
    return pa.chunked_array(chunks, target)


def _joined(column: ArrowArray) -> ArrowArray:
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def rebuild(array: ArrowArray, parents: Mask | None = None) -> ArrowArray:
    """The canonical array of the values of `array`, whose type is canonical.

    `parents` marks the slots that exist: under a null parent every value becomes null.
    """
    types, t = pa.types, array.type
    if types.is_null(t):
        return pa.nulls(len(array))
    valid = validity(array)
    if parents is not None:
        valid = parents if valid is None else valid & parents
    if valid is not None and valid.all():
        valid = None
    if types.is_large_string(t) or types.is_large_binary(t):
        return _make(array, valid, _var_length(array, valid))
    if types.is_large_list(t):
        return _list(array, valid)
    if types.is_fixed_size_list(t):
        size = t.list_size
        values = array.values.slice(array.offset * size, len(array) * size)
        child = rebuild(values, None if valid is None else np.repeat(valid, size))
        return _make(array, valid, [], [child])
    if types.is_struct(t):
        fields = [rebuild(array.field(i), valid) for i in range(t.num_fields)]
        return _make(array, valid, [], fields)
    if types.is_boolean(t):
        return _make(array, valid, [_boolean(array, valid)])
    return _make(array, valid, [_fixed(array, valid)])


def _make(
    array: ArrowArray, valid: Mask | None, buffers: list[pa.Buffer], children: list[ArrowArray] | None = None
) -> ArrowArray:
    nulls = 0 if valid is None else len(array) - int(np.count_nonzero(valid))
    return pa.Array.from_buffers(array.type, len(array), [bitmap(valid), *buffers], nulls, 0, children)


def _boolean(array: ArrowArray, valid: Mask | None) -> pa.Buffer:
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return NO_BYTES
    values = bits(buffer, array.offset, len(array))
    made = bitmap(values if valid is None else values & valid)
    assert made is not None
    return made


def _fixed(array: ArrowArray, valid: Mask | None) -> pa.Buffer:
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return NO_BYTES
    buffer = buffer.slice(array.offset * width, len(array) * width)
    # Integers where numpy has them; rows of bytes for wider values.
    raw = numbers(buffer, f"<u{width}" if width in (1, 2, 4, 8) else np.uint8)
    slots = raw if width in (1, 2, 4, 8) else raw.reshape(len(array), width)
    changed = False
    if valid is not None and slots[~valid].any():
        slots = slots.copy()
        slots[~valid] = 0
        changed = True
    if pa.types.is_floating(array.type):
        one_nan = _with_one_nan(slots, *_NAN[width])
        changed |= one_nan is not slots
        slots = one_nan
    return buffer_of(slots) if changed else buffer


def _with_one_nan(slots: Numbers, nan: int, infinity: int) -> Numbers:
    without_sign = slots.dtype.type((1 << slots.itemsize * 8 - 1) - 1)
    made = slots
    # Piece by piece: a block of vectors is far larger than a processor's cache, and NaNs are rare.
    for at in range(0, len(slots), _PIECE):
        piece = slots[at : at + _PIECE]
        nans = (piece & without_sign) > infinity
        if nans.any() and (piece[nans] != nan).any():
            made = slots.copy() if made is slots else made
            made[at : at + _PIECE][nans] = nan
    return made


def _var_length(array: ArrowArray, valid: Mask | None) -> list[pa.Buffer]:
    offsets, data = offsets_of(array), array.buffers()[2]
    if valid is not None and np.diff(offsets)[~valid].any():
        # Bytes under nulls: filling them with empty values copies what is left together.
        array = with_validity(array, valid).fill_null("" if pa.types.is_large_string(array.type) else b"")
        offsets, data = offsets_of(array), array.buffers()[2]
    first, last = int(offsets[0]), int(offsets[-1])
    values = NO_BYTES if data is None else data.slice(first, last - first)
    return [_from_zero(offsets), values]


def _list(array: ArrowArray, valid: Mask | None) -> ArrowArray:
    offsets = offsets_of(array)
    values = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    sizes = np.diff(offsets)
    if valid is None or not sizes[~valid].any():
        return _make(array, valid, [_from_zero(offsets)], [rebuild(values)])
    # Elements under null lists go; rebuilding once more settles what `filter` left beside them.
    kept = rebuild(values.filter(pa.array(np.repeat(valid, sizes))))
    ends = np.zeros(len(array) + 1, np.int64)
    np.cumsum(np.where(valid, sizes, 0), out=ends[1:])
    return _make(array, valid, [buffer_of(ends)], [kept])


def _from_zero(offsets: Indices) -> pa.Buffer:
    return buffer_of(offsets if offsets[0] == 0 else offsets - offsets[0])
