"""Rows as bytes, and hashes of them: the one encoding that steps compare and draw rows by.

A row is the concatenation of its values, in the order of the columns named. A value is 00 where it is null,
else 01 and

- bool: 00 or 01 · numbers, dates, times, decimals, fixed-size binary: their canonical little-endian bytes
- string, binary: length (8 bytes, little-endian), bytes · list: count (8 bytes, little-endian), values
- fixed-size list, struct: the values of their items or fields

With the column types known, no two different rows have one encoding. Canonical values decide: NaN equals NaN,
and -0.0 differs from 0.0. A hash of a row is SHA-256 over a prefix that names its use, then the row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from codata.table import canonical_table

Array: TypeAlias = Any
"""An Arrow array: the stubs do not know what the types here are at run time."""

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]

KEY_PREFIX: Final = b"codata/key/1\x00"

DIGEST_BYTES: Final = 16
"""128 bits.

The odds that two of 2^40 different rows meet are 2^-49, and nobody is known to be able to force it.
"""

_BINARY: Final = pa.large_binary()
_EMPTY: Final = b""
_NULL: Final = b"\x00"
_SOME: Final = b"\x01"


def encode_rows(table: pa.Table, columns: Sequence[str], prefix: bytes = b"") -> Array:
    """The bytes of each row's `columns`, after `prefix`."""
    chosen = canonical_table(table.select(list(columns)))
    arrays = [_value(column.combine_chunks()) for column in chosen.columns]
    return _join(pa.scalar(prefix, _BINARY), *arrays)


def digests(rows: Array) -> Array:
    """The first 16 bytes of the SHA-256 of each row's bytes."""
    offsets = np.frombuffer(rows.buffers()[1], np.int64, len(rows) + 1, rows.offset * 8).tolist()
    data = memoryview(rows.buffers()[2] or b"")
    sha256 = hashlib.sha256
    joined = b"".join([sha256(data[a:b]).digest()[:DIGEST_BYTES] for a, b in pairwise(offsets)])
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(DIGEST_BYTES), len(rows), [None, pa.py_buffer(joined)]
    )


def hashes(found: Array) -> Numbers:
    """The first 8 bytes of each digest as a big-endian integer."""
    raw = np.frombuffer(found.buffers()[1], ">u8", 2 * len(found), found.offset * DIGEST_BYTES)
    return raw[::2].astype(np.uint64)


def _join(*arrays: Any) -> Any:
    return pc.binary_join_element_wise(*arrays, _scalar(_EMPTY))


def _value(array: Array) -> Array:
    """Each value, tagged; nulls as their tag."""
    if pa.types.is_null(array.type):
        return pa.repeat(_scalar(_NULL), len(array))
    tagged = _join(_scalar(_SOME), _body(array))
    if not array.null_count:
        return tagged
    return pc.if_else(array.is_valid(), tagged, _scalar(_NULL))


def _body(array: Array) -> Array:
    """Each value without its tag; under a null, anything or null."""
    t = array.type
    if pa.types.is_boolean(t):
        return _fixed(array.cast(pa.uint8()), 1)
    if pa.types.is_large_string(t) or pa.types.is_large_binary(t):
        return _join(_fixed(pc.binary_length(array), 8), array.cast(_BINARY))
    if pa.types.is_large_list(t):
        return _join(_fixed(pc.list_value_length(array), 8), _items(array.offsets, array.values))
    if pa.types.is_fixed_size_list(t):
        items = array.values.slice(array.offset * t.list_size, len(array) * t.list_size)
        return _items(pa.array(np.arange(len(array) + 1) * t.list_size), items)
    if pa.types.is_struct(t):
        return _join(*(_value(array.field(i)) for i in range(t.num_fields)))
    return _fixed(array, t.bit_width // 8)


def _items(offsets: Array, values: Array) -> Array:
    return pc.binary_join(pa.LargeListArray.from_arrays(offsets, _value(values)), _scalar(_EMPTY))


def _fixed(array: Array, width: int) -> Array:
    """Fixed-width values as the bytes that Arrow holds them in."""
    validity, data = array.buffers()
    raw = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(array), [validity, data], offset=array.offset
    )
    return raw.cast(_BINARY)


@cache
def _scalar(value: bytes) -> Any:
    # Not made at import: with its first value pyarrow imports pandas, if that is installed.
    return pa.scalar(value, _BINARY)
