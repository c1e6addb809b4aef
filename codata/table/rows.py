"""What the cutter asks of each row: its size in logical bytes and a 64-bit hash, as in `docs/spec/cutter.md`.

The hash wants spread, not collision resistance: it looks at lengths and at the first and last eight bytes of
a value. All of it is integer arithmetic modulo 2**64 over canonical arrays, column by column.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from codata.table.buffers import ArrowArray, Indices, Numbers, bits, numbers, offsets_of, validity

Words: TypeAlias = "npt.NDArray[np.uint64]"

# The multipliers and the finaliser are splitmix64's (Steele, Lea, Flood 2014); NULL is 2**64 / golden ratio.
# SEED (xorshift64*'s multiplier, Vigna 2014) is none of these: a state equal to a common hash becomes 0.
_K1: Final = np.uint64(0xBF58_476D_1CE4_E5B9)
_K2: Final = np.uint64(0x94D0_49BB_1331_11EB)
_NULL: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_SEED: Final = np.uint64(0x2545_F491_4F6C_DD1D)

_LOW_BYTES: Final = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
"""By a count of bytes, the mask that keeps as many low ones."""


def row_sizes(block: pa.RecordBatch) -> Indices:
    """Logical bytes of each row of a canonical block: at least 1."""
    total = np.ones(block.num_rows, np.int64)
    for column in block.columns:
        total += _sizes(column)
    return total


def row_hashes(block: pa.RecordBatch) -> Words:
    """The hash of each row of a canonical block."""
    state = _fold(block.columns, None, block.num_rows)
    state ^= state >> np.uint64(30)
    state *= _K1
    state ^= state >> np.uint64(27)
    state *= _K2
    state ^= state >> np.uint64(31)
    return state


def _sizes(array: ArrowArray) -> Indices | int:
    """Bytes of each value; one number where all are the same."""
    types, t = pa.types, array.type
    if types.is_null(t):
        return 0
    if types.is_boolean(t):
        return 1
    if types.is_large_list(t):
        offsets, elements = offsets_of(array), _sizes(array.values)
        if isinstance(elements, int):
            return 8 + elements * np.diff(offsets)
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(elements)])
        return 8 + np.diff(ends[offsets])
    if types.is_fixed_size_list(t):
        elements = _sizes(array.values)
        if isinstance(elements, int):
            return elements * int(t.list_size)
        return np.diff(np.concatenate([[0], np.cumsum(elements)])[:: t.list_size])
    if types.is_struct(t):
        sizes: Indices | int = 0
        for i in range(t.num_fields):
            sizes = sizes + _sizes(array.field(i))
        return sizes
    if types.is_large_string(t) or types.is_large_binary(t):
        return 8 + np.diff(offsets_of(array))
    return int(t.bit_width // 8)


def _fold(columns: list[ArrowArray], rows: Indices | None, length: int) -> Words:
    """The hashes of `columns` (at `rows`, or all `length`) as one; their order matters."""
    state = np.full(length, _SEED)
    for column in columns:
        state ^= _hashes(column, rows)
        state *= _K1
        state ^= state >> np.uint64(32)
    return state


def _hashes(array: ArrowArray, rows: Indices | None) -> Words:
    """The hash of each value (at `rows`, or all), as an array of its own."""
    types, t = pa.types, array.type
    length = len(array) if rows is None else len(rows)
    if types.is_null(t):
        return np.full(length, _NULL)
    if types.is_struct(t):
        fields = [array.field(i) for i in range(t.num_fields)]
        found = _fold(fields, rows, length)
    elif types.is_large_list(t):
        offsets = offsets_of(array)
        found = _list_hashes(array.values, _at(offsets[:-1], rows), _at(offsets[1:], rows))
    elif types.is_fixed_size_list(t):
        starts = _at(np.arange(len(array), dtype=np.int64), rows) * t.list_size
        found = _list_hashes(array.values, starts, starts + t.list_size)
    elif types.is_large_string(t) or types.is_large_binary(t):
        offsets = offsets_of(array)
        found = _bytes_hashes(array.buffers()[2], _at(offsets[:-1], rows), _at(offsets[1:], rows))
    elif types.is_boolean(t):
        found = _at(bits(array.buffers()[1], 0, len(array)), rows).astype(np.uint64)
    else:
        found = _fixed_hashes(array, rows)
    valid = validity(array)
    if valid is not None:
        found[~_at(valid, rows)] = _NULL
    return found


def _fixed_hashes(array: ArrowArray, rows: Indices | None) -> Words:
    width = array.type.bit_width // 8
    if width in (1, 2, 4, 8):
        return _at(numbers(array.buffers()[1], f"<u{width}"), rows).astype(np.uint64)
    starts = _at(np.arange(len(array), dtype=np.int64), rows) * width
    return _bytes_hashes(array.buffers()[1], starts, starts + width)


def _bytes_hashes(buffer: pa.Buffer | None, starts: Indices, ends: Indices) -> Words:
    if buffer is None or buffer.size < 8:
        buffer = pa.py_buffer((b"" if buffer is None else buffer.to_pybytes()).ljust(8, b"\0"))
    # Every eight bytes of the buffer as a word, overlapping.
    words: Words = np.ndarray((buffer.size - 7,), "<u8", memoryview(buffer), strides=(1,))
    sizes = ends - starts
    at = np.minimum(starts, len(words) - 1)
    first = words[at]
    beyond = (
        at < starts
    )  # fewer than eight bytes are left in the buffer: those loaded too early are shifted out
    if beyond.any():
        first[beyond] >>= (8 * (starts - at)[beyond]).astype(np.uint64)
    first &= _LOW_BYTES[np.minimum(sizes, 8)]
    last = np.where(sizes < 8, first, words[np.maximum(ends - 8, 0)])
    return _join(first, last, sizes)


def _list_hashes(elements: ArrowArray, starts: Indices, ends: Indices) -> Words:
    filled = np.flatnonzero(ends > starts)
    first, last = np.zeros(len(starts), np.uint64), np.zeros(len(starts), np.uint64)
    if len(filled):
        first[filled] = _hashes(elements, starts[filled])
        last[filled] = _hashes(elements, ends[filled] - 1)
    return _join(first, last, ends - starts)


def _join(first: Words, last: Words, sizes: Indices) -> Words:
    first *= _K1
    first ^= last
    first += sizes.astype(np.uint64) * _K2
    return first


def _at(values: Numbers, rows: Indices | None) -> Numbers:
    return values if rows is None else values[rows]
