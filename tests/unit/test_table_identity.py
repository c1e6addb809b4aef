"""Equal rows have one identity, however they are encoded; any other rows have another."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codata.errors import InvalidTable
from codata.table import candidates, decode_table, encode_table, logical_hash
from codata.table.canonical import (
    BLOCK_ROWS,
    Canonical,
    canonical_batch,
    canonical_blocks,
    canonical_table,
)
from tests.unit import table_samples as samples

Column = tuple[pa.DataType, list[Any]]


def identity(column: Any, name: str = "c") -> tuple[bytes, bytes]:
    table = pa.table({name: column})
    return encode_table(table).to_pybytes(), logical_hash(table)


@given(samples.columns(), st.integers(0, 9))
def test_same_rows_in_other_arrays(column: Column, n: int) -> None:
    t, values = column
    expected = identity(samples.clean(values, t))
    assert identity(samples.dirty(values, t)) == expected
    assert identity(samples.sliced(values, t, n)) == expected
    assert identity(samples.chunked(values, t, n)) == expected


@given(samples.columns(), st.integers(0, 9))
def test_what_was_rebuilt_once_has_the_identity_of_its_rows(column: Column, n: int) -> None:
    t, values = column
    table = pa.table({"c": samples.chunked(values, t, n)})
    rebuilt = Canonical.of(table)
    assert all(a is b for a, b in zip(canonical_blocks(rebuilt), rebuilt.blocks, strict=True))
    assert rebuilt.num_rows == table.num_rows
    assert encode_table(rebuilt).equals(encode_table(table))
    assert logical_hash(rebuilt) == logical_hash(table)
    assert candidates(rebuilt).total_bytes == candidates(table).total_bytes


@given(samples.columns(), st.integers(0, 9))
def test_same_rows_in_other_types(column: Column, n: int) -> None:
    t, values = column
    expected = identity(samples.clean(values, t))
    assert identity(pa.array(values, samples.small_type(t))) == expected
    assert identity(pa.array([None] * n + values, samples.view_type(t)).slice(n)) == expected
    chunks = [pa.array(values[:n], samples.view_type(t)), pa.array(values[n:], samples.view_type(t))]
    assert identity(pa.chunked_array(chunks)) == expected


@given(samples.columns(), st.integers(0, 9))
def test_same_rows_encoded(column: Column, n: int) -> None:
    t, values = column
    plain = samples.clean(values, t)
    expected = identity(plain)
    indices = pa.array(np.arange(len(values))[::-1].astype(np.int32))
    assert identity(pa.DictionaryArray.from_arrays(indices, plain.take(indices))) == expected
    ends = pa.array(np.arange(1, len(values) + 2).astype(np.int32))
    runs = pa.RunEndEncodedArray.from_arrays(ends, pa.concat_arrays([pa.nulls(1, t), plain]))
    assert identity(runs.slice(1)) == expected
    nested = pa.StructArray.from_arrays([plain.dictionary_encode() if _hashable(t) else plain], names=["x"])
    assert identity(nested) == identity(pa.StructArray.from_arrays([plain], names=["x"]))


def _hashable(t: pa.DataType) -> bool:
    return pa.types.is_large_string(t) or pa.types.is_int64(t)


@given(samples.columns())
def test_decoding_gives_the_same_table_and_bytes(column: Column) -> None:
    t, values = column
    data = encode_table(pa.table({"c": samples.dirty(values, t)}))
    decoded = decode_table(data)
    assert decoded.equals(canonical_table(pa.table({"c": samples.clean(values, t)}))) or "nan" in repr(values)
    assert encode_table(decoded).equals(data)
    assert decoded.num_rows == len(values)


@given(samples.columns())
def test_parquet_round_trip(column: Column) -> None:
    t, values = column
    # pyarrow 20 can't write null lists that have a length, as fixed-size ones always do
    assume("fixed_size_list" not in str(t) or "None" not in repr(values))
    file = io.BytesIO()
    table = pa.table({"c": samples.clean(values, t)})
    pq.write_table(table, file)
    assert identity(pq.read_table(file)["c"]) == identity(table["c"])


@given(samples.columns())
def test_polars_round_trip(column: Column) -> None:
    t, values = column
    assume(
        not any(
            x in str(t)
            for x in ("float16", "halffloat", "decimal", "time", "duration", "fixed_size_binary", "date")
        )
    )
    table = pa.table({"c": samples.clean(values, t)})
    assert identity(pl.from_arrow(table).to_arrow()["c"]) == identity(table["c"])


@given(samples.columns(), samples.columns())
def test_other_rows_have_another_identity(a: Column, b: Column) -> None:
    assume(a[0] != b[0] or repr(a[1]) != repr(b[1]))
    one, two = identity(samples.clean(a[1], a[0])), identity(samples.clean(b[1], b[0]))
    assert one[0] != two[0]
    assert one[1] != two[1]


@given(samples.columns(), st.data())
def test_any_changed_value_changes_both(column: Column, data: st.DataObject) -> None:
    t, values = column
    assume(values)
    at = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(samples.values_of(t))
    assume(repr(other) != repr(values[at]))
    one = identity(samples.clean(values, t))
    two = identity(samples.clean([*values[:at], other, *values[at + 1 :]], t))
    assert one[0] != two[0]
    assert one[1] != two[1]


def test_names_and_orders_count() -> None:
    x, y = pa.array([1, 2]), pa.array([3, 4])
    tables = [
        pa.table({"x": x, "y": y}),
        pa.table({"y": x, "x": y}),
        pa.table({"y": y, "x": x}),
        pa.table({"x": x[::-1], "y": y[::-1]}),
        pa.table({"x": x.cast(pa.int32()), "y": y}),
        pa.table({"x": x}),
    ]
    assert len({logical_hash(t) for t in tables}) == len(tables)
    assert len({encode_table(t).to_pybytes() for t in tables}) == len(tables)


@pytest.mark.parametrize(
    ("array", "canonical"),
    [
        (pa.array([1, None], pa.timestamp("s", "UTC")), pa.array([1000, None], pa.timestamp("ms", "UTC"))),
        (pa.array([1, None], pa.time32("s")), pa.array([1000, None], pa.time32("ms"))),
        (pa.array([86_400_000, None], pa.date64()), pa.array([1, None], pa.date32())),
        (pa.array([1, None], pa.decimal32(5, 2)), pa.array([1, None], pa.decimal128(5, 2))),
        (pa.array([1, None], pa.decimal64(9, 2)), pa.array([1, None], pa.decimal128(9, 2))),
        (
            pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int8())),
            pa.array(
                [[{"key": "a", "value": 1}, {"key": "b", "value": None}], None, []],
                pa.large_list(pa.struct([("key", pa.large_string()), ("value", pa.int8())])),
            ),
        ),
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\x01" * 16, None], pa.binary(16))),
            pa.array([b"\x01" * 16, None], pa.binary(16)),
        ),
    ],
)
def test_other_types_become_canonical(array: pa.Array, canonical: pa.Array) -> None:
    assert identity(array) == identity(canonical)
    assert identity(pa.concat_arrays([array[:1], array])[1:]) == identity(canonical)


def raw(t: pa.DataType, value: int, width: int) -> pa.Array:
    return pa.Array.from_buffers(t, 1, [None, pa.py_buffer(value.to_bytes(width, "little", signed=True))])


@pytest.mark.parametrize(
    "array",
    [
        raw(pa.date64(), 5, 8),
        raw(pa.timestamp("s"), 2**60, 8),
        raw(pa.time32("s"), 2**31 - 1, 4),
        raw(pa.time32("ms"), 86_400_000, 4),
        raw(pa.decimal128(3, 0), 1000, 16),
        pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
        ),
    ],
)
def test_values_that_no_canonical_type_holds(array: pa.Array) -> None:
    with pytest.raises(InvalidTable, match="'c'"):
        encode_table(pa.table({"c": array}))
    under_null = pa.StructArray.from_arrays([array], names=["x"], mask=pa.array([True]))
    assert identity(under_null) == identity(pa.nulls(1, under_null.type))


def test_every_nan_is_one_nan() -> None:
    bits = np.array(
        [0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF], np.uint64
    )
    batch = canonical_batch(pa.record_batch({"c": pa.array(bits.view(np.float64))}))
    assert batch.column(0).buffers()[1].to_pybytes() == bits[:1].tobytes() * 4
    many = np.zeros(200_000)
    many[[0, 65_535, 65_536, 199_999]] = bits.view(np.float64)
    batch = canonical_batch(
        pa.record_batch({"c": pa.FixedSizeListArray.from_arrays(pa.array(many), 200_000)})
    )
    found = np.frombuffer(batch.column(0).values.buffers()[1], np.uint64)
    assert np.unique(found).tolist() == [0, 0x7FF8000000000000]
    assert np.flatnonzero(found).tolist() == [0, 65_535, 65_536, 199_999]
    half = np.array([0x7C00, 0xFC00, 0x8000, 0xFC01], np.uint16)
    batch = canonical_batch(pa.record_batch({"c": pa.array(half.view(np.float16))}))
    assert (
        batch.column(0).buffers()[1].to_pybytes()
        == np.array([0x7C00, 0xFC00, 0x8000, 0x7E00], "<u2").tobytes()
    )


def test_blocks_do_not_depend_on_chunks() -> None:
    n = 2 * BLOCK_ROWS + 5
    values = pa.array(np.arange(n), mask=np.arange(n) % 3 == 0)
    text = values.cast(pa.string())
    whole = pa.table({"a": values, "b": text})
    cuts = [0, 1, 70_000, 70_000, 131_072, n]
    parts = pa.concat_tables([whole.slice(a, b - a) for a, b in itertools.pairwise(cuts)])
    many = pa.concat_tables([whole.slice(i, 1000) for i in range(0, n, 1000)])
    expected = encode_table(whole)
    assert encode_table(parts).equals(expected)
    assert encode_table(many).equals(expected)
    assert [len(c) for c in decode_table(expected)["a"].chunks] == [BLOCK_ROWS, BLOCK_ROWS, 5]


def test_canonical_arrays_are_not_copied() -> None:
    n = BLOCK_ROWS + 8
    text = pa.array(["word"] * n, pa.large_string())
    table = pa.table({"i": pa.array(np.arange(n)), "s": text, "v": pa.array(np.ones((n, 4)).ravel())[:n]})
    done = decode_table(encode_table(table))
    again = canonical_table(done)
    for name in done.column_names:
        for a, b in zip(done[name].chunks, again[name].chunks, strict=True):
            assert a.buffers()[-1].address == b.buffers()[-1].address
