"""The logical hash against a second implementation of `docs/spec/table.md` over plain Python values."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given

from cid_store.codecs import dag_cbor
from codata.table import block_digests, canonical_table, combine, logical_hash, schema_to_value
from tests.unit import table_samples as samples


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def frame(data: bytes) -> bytes:
    return u64(len(data)) + data


def packed(flags: list[bool]) -> bytes:
    out = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        out[i // 8] |= flag << i % 8
    return bytes(out)


def reference(values: list[Any], t: pa.DataType) -> bytes:
    """`array(a)` of the specification."""
    types = pa.types
    if types.is_null(t):
        return u64(len(values))
    present = [v is not None for v in values]
    out = u64(len(values)) + frame(b"" if all(present) else packed(present))
    if types.is_struct(t):
        return out + b"".join(reference([v and v[f.name] for v in values], f.type) for f in t)
    if types.is_fixed_size_list(t):
        return out + reference([x for v in values for x in v or [None] * t.list_size], t.value_type)
    if types.is_large_list(t):
        ends = np.cumsum([0, *(len(v or []) for v in values)]).astype("<i8")
        return out + frame(ends.tobytes()) + reference([x for v in values for x in v or []], t.value_type)
    if types.is_large_string(t) or types.is_large_binary(t):
        raw = [v.encode() if isinstance(v, str) else v or b"" for v in values]
        return out + frame(np.cumsum([0, *map(len, raw)]).astype("<i8").tobytes()) + frame(b"".join(raw))
    if types.is_boolean(t):
        return out + frame(packed([bool(v) for v in values]))
    return out + frame(b"".join(fixed(v, t) for v in values))


def fixed(value: Any, t: pa.DataType) -> bytes:
    """One value of fixed width, by way of pyarrow, which knows calendars and decimals."""
    width = t.bit_width // 8
    if value is None:
        return bytes(width)
    if pa.types.is_floating(t) and np.isnan(value):
        return {2: b"\0\x7e", 4: b"\0\0\xc0\x7f", 8: b"\0\0\0\0\0\0\xf8\x7f"}[width]
    buffer = pa.array([value], t).buffers()[1]
    assert buffer is not None
    return buffer.to_pybytes()[:width]


@given(samples.columns(), samples.columns())
def test_against_the_reference(a: Any, b: Any) -> None:
    (t, values), (u, others) = a, b
    others = (others * (len(values) + 1))[: len(values)] if others else [None] * len(values)
    table = pa.table({"a": samples.dirty(values, t), "b": samples.dirty(others, u)})
    columns = [
        hashlib.sha256(b"codata/table/1/column\n" + reference(*c)).digest()
        for c in ((values, t), (others, u))
    ]
    block = hashlib.sha256(b"codata/table/1/block\n" + u64(len(values)) + b"".join(columns)).digest()
    schema = dag_cbor.encode(schema_to_value(table.schema))
    blocks = block if values else b""
    expected = hashlib.sha256(b"codata/table/1/table\n" + u64(len(values)) + frame(schema) + blocks).digest()
    assert logical_hash(table) == expected


def test_blocks_narrow_a_difference_down() -> None:
    values = np.arange(150_000)
    other = values.copy()
    other[100_000] = -1
    a, b = (block_digests(pa.table({"c": v})) for v in (values, other))
    assert [x == y for x, y in zip(a, b, strict=True)] == [True, False, True]


def test_combine_gives_the_hash_of_a_table_from_its_blocks() -> None:
    table = pa.table({"c": np.arange(70_000), "d": ["x"] * 70_000})
    assert combine(table.schema, table.num_rows, block_digests(table)) == logical_hash(table)
    assert combine(table.schema, table.num_rows, block_digests(table)[:1]) != logical_hash(table)


def test_a_rename_keeps_block_digests() -> None:
    table = pa.table({"c": [1, 2]})
    renamed = table.rename_columns(["d"])
    assert block_digests(table) == block_digests(renamed)
    assert logical_hash(table) != logical_hash(renamed)


def test_canonical_form_does_not_change_the_hash() -> None:
    table = pa.table({"c": pa.chunked_array([["a"], ["b", None]])})
    assert logical_hash(canonical_table(table)) == logical_hash(table)
