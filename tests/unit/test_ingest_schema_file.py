"""`--schema` files: every type, and every way to write one wrongly."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from codata.errors import BadSchemaFile
from codata.ingest.schema_file import MAX_BYTES, load, parse, parse_type


def item(t: pa.DataType) -> pa.DataType:
    return pa.large_list(pa.field("item", t))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bool", pa.bool_()),
        ("uint8", pa.uint8()),
        ("int64", pa.int64()),
        ("float32", pa.float32()),
        ("string", pa.large_string()),
        ("binary", pa.large_binary()),
        ("date32", pa.date32()),
        ("timestamp[us]", pa.timestamp("us")),
        (" timestamp[ ns , Europe/Berlin ] ", pa.timestamp("ns", "Europe/Berlin")),
        ("timestamp[ms, +02:00]", pa.timestamp("ms", "+02:00")),
        ("decimal(20, 2)", pa.decimal128(20, 2)),
        ("decimal128(38,0)", pa.decimal128(38, 0)),
        ("decimal256[70, 3]", pa.decimal256(70, 3)),
        ("list<string>", item(pa.large_string())),
        ("list<list<int8>>", item(item(pa.int8()))),
        (
            "struct<a: int64, b: list<struct<c: bool>>>",
            pa.struct([("a", pa.int64()), ("b", item(pa.struct([("c", pa.bool_())])))]),
        ),
    ],
)
def test_types(text: str, expected: pa.DataType) -> None:
    assert parse_type(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "integer",
        "int64 int64",
        "list",
        "list<",
        "list<string",
        "list<string>>",
        "struct<>",
        "struct<a int64>",
        "timestamp",
        "timestamp[m]",
        "timestamp[us, UTC",
        "decimal(0, 0)",
        "decimal(39, 0)",
        "decimal(5, 6)",
        "decimal(99999, 0)",
        "decimal(x, 0)",
        "!",
        "list<" * 40 + "int8" + ">" * 40,
    ],
)
def test_wrong_types_are_refused(text: str) -> None:
    with pytest.raises(BadSchemaFile):
        parse_type(text)


def test_yaml_and_json() -> None:
    expected = pa.schema(
        [("no", pa.int64()), ("1", pa.timestamp("us", "UTC")), ("t", item(pa.large_string()))]
    )
    assert parse(b'no: int64\n1: "timestamp[us, UTC]"\nt: list<string>\n') == expected
    assert parse(b'{"no": "int64", "1": "timestamp[us, UTC]", "t": "list<string>"}') == expected
    assert parse(b"{}") == pa.schema([])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: int64\na: string\n", "schema:2: column 'a' is declared twice"),
        (b"a: int64\n\nb: [x]\n", "schema:3: a column's type is one text"),
        (b"a: int64\nb: text\n", "schema:2: column 'b': 'text' is not a type"),
        (b"a: struct<x: int64, x: int64>\n", "x"),
        (b"'': int64\n", "schema"),
        (b"- a\n", "not a list of"),
        (b"", "not a list of"),
        (b"a: [", "neither YAML nor JSON"),
        (b"[" * 100_000, "neither YAML nor JSON"),
        (b"\xff\xfe\x00", "neither YAML nor JSON"),
        (b"a: *b\n", "neither YAML nor JSON"),
        (b"!!python/object/apply:os.system ['true']\n", "not a list of"),
    ],
)
def test_wrong_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadSchemaFile, match=message):
        parse(data)


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    with pytest.raises(BadSchemaFile, match="can't be read"):
        load(path)
    path.write_text("a: int64\n")
    assert load(path) == pa.schema([("a", pa.int64())])
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadSchemaFile, match="longer than"):
        load(path)
