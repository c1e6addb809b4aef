"""Parquet and Arrow IPC: the file's own schema, joined over files, and damage refused."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cid_store.errors import CidStoreError
from codata.errors import InvalidSchema, LossyInteger, MalformedInput, TypeConflict, UnfitValue
from codata.ingest import by_name
from codata.ingest.base import Memory, Options
from tests.unit.ingest_reading import declared, ingest, rows, types

SAMPLE = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "d": pa.array(["x", "y", "x"]).dictionary_encode(),
        "l": pa.array([[1], None, [2, None]], pa.list_(pa.int64())),
        "s": [{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}],
        "m": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "t": pa.array([0, None, 1], pa.timestamp("us", "UTC")),
    }
)


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def arrow_file(table: pa.Table, batch: int = 2) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return out.getvalue()


def arrow_stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return out.getvalue()


FORMATS = [("parquet", parquet), ("arrow", arrow_file), ("arrow", arrow_stream)]
each_format = pytest.mark.parametrize(("name", "write"), FORMATS, ids=["parquet", "file", "stream"])


@each_format
@pytest.mark.parametrize("target", [1, 1 << 25])
def test_rows_and_types(name: str, write: Any, target: int) -> None:
    data = write(SAMPLE)
    assert rows(name, data, target=target) == [
        {**row, "m": None if row["m"] is None else [{"key": k, "value": v} for k, v in row["m"]]}
        for row in SAMPLE.to_pylist()
    ]
    assert types(name, data, target=target) == {
        "n": "int32",
        "d": "large_string",
        "l": "large_list<item: int64>",
        "s": "struct<x: int64, y: large_string>",
        "m": "large_list<item: struct<key: large_string, value: int64>>",
        "t": "timestamp[us, tz=UTC]",
    }


@each_format
def test_an_empty_table_keeps_its_types(name: str, write: Any) -> None:
    assert types(name, write(SAMPLE.slice(0, 0))) == types(name, write(SAMPLE))


def test_ranges_are_row_groups_and_batches() -> None:
    data = Memory(parquet(SAMPLE, row_group_size=1))
    assert [(r.start, r.end) for r in by_name("parquet").split(data, Options(), 1)] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    data = Memory(arrow_file(SAMPLE, 1))
    assert [(r.start, r.end) for r in by_name("arrow").split(data, Options(), 1)] == [(0, 1), (1, 2), (2, 3)]
    assert len(by_name("arrow").split(data, Options())) == 1


@pytest.mark.parametrize(
    ("a", "b", "joined"),
    [
        (pa.int32(), pa.int64(), "int64"),
        (pa.uint8(), pa.uint32(), "uint32"),
        (pa.uint8(), pa.int8(), "int16"),
        (pa.uint32(), pa.int8(), "int64"),
        (pa.int64(), pa.float32(), "double"),
        (pa.float32(), pa.float64(), "double"),
        (pa.null(), pa.date32(), "date32[day]"),
        (pa.string(), pa.large_string(), "large_string"),
        (pa.list_(pa.int8()), pa.list_(pa.int64()), "large_list<item: int64>"),
        (pa.struct([("x", pa.int8())]), pa.struct([("y", pa.bool_())]), "struct<x: int8, y: bool>"),
    ],
)
def test_files_widen(a: pa.DataType, b: pa.DataType, joined: str) -> None:
    files = [parquet(pa.table({"c": pa.array([None], t)})) for t in (a, b)]
    assert types("parquet", *files) == {"c": joined}
    assert types("parquet", *files[::-1])["c"].replace("y: bool, x: int8", "x: int8, y: bool") == joined


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (pa.uint64(), pa.int64()),
        (pa.string(), pa.int64()),
        (pa.bool_(), pa.int8()),
        (pa.timestamp("us"), pa.timestamp("ms")),
        (pa.decimal128(10, 2), pa.decimal128(10, 3)),
        (pa.string(), pa.binary()),
    ],
)
def test_files_that_do_not_agree_are_named(a: pa.DataType, b: pa.DataType) -> None:
    files = [parquet(pa.table({"c": pa.array([None], t)})) for t in (a, b)]
    with pytest.raises(TypeConflict, match="column 'c'"):
        ingest("parquet", *files)
    full = [arrow_file(pa.table({"c": pa.array([v])})) for v in (1, "x")]
    with pytest.raises(TypeConflict, match="int64 at file0 and string at file1"):
        ingest("arrow", *full)


def test_integers_that_doubles_change_are_refused() -> None:
    files = [parquet(pa.table({"c": [v]})) for v in (0.5, 2**53 + 1)]
    with pytest.raises(LossyInteger, match="file1"):
        ingest("parquet", *files)


def test_declared_columns_override() -> None:
    data = parquet(pa.table({"a": [1, 300], "b": ["1", "2"]}))
    assert rows("parquet", data, options=declared(a=pa.large_string(), b=pa.int64())) == [
        {"a": "1", "b": 1},
        {"a": "300", "b": 2},
    ]
    with pytest.raises(UnfitValue, match=r"file0, row 2 .* column 'a' holds 300, which is no int8"):
        ingest("parquet", data, options=declared(a=pa.int8()))


@each_format
def test_damage_is_refused(name: str, write: Any) -> None:
    data = write(SAMPLE)
    for end in (0, 4, 8, len(data) // 2, len(data) - 1):
        if write is arrow_stream and end == len(data) - 1:
            continue  # the last bytes of a stream are its end mark, which may be absent
        with pytest.raises(MalformedInput, match="file0"):
            ingest(name, data[:end])
    module, refused = by_name(name), 0
    for at in range(0, len(data), max(1, len(data) // 200)):
        hurt = Memory(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            for range_ in module.split(hurt, Options()):
                list(module.scan(hurt, range_, Options()))
        except CidStoreError:
            refused += 1
    assert refused > 20


def test_offsets_beyond_their_buffers_are_refused() -> None:
    data = arrow_file(pa.table({"a": ["abc", "def"]}))
    offsets = [b"".join(n.to_bytes(4, "little") for n in (0, 3, end)) for end in (6, 1 << 20)]
    assert data.count(offsets[0]) == 1
    with pytest.raises(MalformedInput, match="damaged"):
        ingest("arrow", data.replace(offsets[0], offsets[1]))
    with pytest.raises(MalformedInput, match="Feather version 1"):
        ingest("arrow", b"FEA1" + bytes(20))


def test_repeated_names_are_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(InvalidSchema):
        ingest("arrow", arrow_file(twice))
