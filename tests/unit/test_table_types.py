"""Canonical types, and schemas in records."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from cid_store.codecs import dag_cbor
from codata.errors import InvalidSchema, UnsupportedType
from codata.table import canonical_schema, canonical_type, schema_from_value, schema_to_value
from codata.table.types import MAX_DEPTH, MAX_FIELDS
from tests.unit import table_samples as samples

ITEM = pa.large_list(pa.field("item", pa.large_string()))


def nested(levels: int) -> pa.DataType:
    t = pa.int8()
    for _ in range(levels - 1):
        t = pa.large_list(t)
    return t


@pytest.mark.parametrize(
    ("given_", "canonical"),
    [
        (pa.string(), pa.large_string()),
        (pa.string_view(), pa.large_string()),
        (pa.binary(), pa.large_binary()),
        (pa.binary_view(), pa.large_binary()),
        (pa.binary(4), pa.binary(4)),
        (pa.list_(pa.string()), ITEM),
        (pa.list_(pa.field("element", pa.string(), nullable=False, metadata={"a": "b"})), ITEM),
        (pa.list_view(pa.string_view()), ITEM),
        (pa.large_list_view(pa.string()), ITEM),
        (pa.list_(pa.field("x", pa.string()), 3), pa.list_(pa.field("item", pa.large_string()), 3)),
        (
            pa.map_(pa.string(), pa.int8()),
            pa.large_list(
                pa.field(
                    "item", pa.struct([pa.field("key", pa.large_string()), pa.field("value", pa.int8())])
                )
            ),
        ),
        (pa.dictionary(pa.int8(), pa.string()), pa.large_string()),
        (pa.run_end_encoded(pa.int16(), pa.list_(pa.string())), ITEM),
        (pa.uuid(), pa.binary(16)),
        (pa.decimal32(5, 1), pa.decimal128(5, 1)),
        (pa.decimal64(15, 1), pa.decimal128(15, 1)),
        (pa.date64(), pa.date32()),
        (pa.timestamp("s"), pa.timestamp("ms")),
        (pa.timestamp("ns", "Asia/Tokyo"), pa.timestamp("ns", "Asia/Tokyo")),
        (pa.time32("s"), pa.time32("ms")),
        (pa.duration("s"), pa.duration("s")),
    ],
)
def test_canonical_types(given_: pa.DataType, canonical: pa.DataType) -> None:
    assert canonical_type(given_).equals(canonical, check_metadata=True)
    assert canonical_type(canonical).equals(canonical, check_metadata=True)


def test_a_schema_loses_all_but_names_and_types() -> None:
    field = pa.field("a", pa.string(), nullable=False, metadata={"k": "v"})
    schema = canonical_schema(pa.schema([field], metadata={"pandas": "{}"}))
    assert schema.equals(pa.schema([pa.field("a", pa.large_string())]), check_metadata=True)


@pytest.mark.parametrize(
    "t",
    [
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.list_(pa.sparse_union([pa.field("a", pa.int8())])),
        pa.binary(0),
        pa.list_(pa.int8(), 0),
        pa.list_(pa.int8(), 2**20 + 1),
        pa.decimal128(5, 40_000),
    ],
)
def test_types_without_canonical_form(t: pa.DataType) -> None:
    with pytest.raises(UnsupportedType, match="'price'") as e:
        canonical_schema(pa.schema([("price", t)]))
    assert "cast" in e.value.next_step


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (pa.schema([]), "no columns"),
        (pa.schema([("", pa.int8())]), "without a name"),
        (pa.schema([("a", pa.int8()), ("a", pa.int8())]), "two columns called 'a'"),
        (pa.schema([("a", pa.struct([]))]), "no columns"),
        (pa.schema([("a", pa.struct([("b", pa.int8()), ("b", pa.int8())]))]), "'b'"),
        (pa.schema([("a", nested(MAX_DEPTH + 1))]), "nested deeper"),
        (pa.schema([(f"c{i}", pa.int8()) for i in range(MAX_FIELDS + 1)]), "more than"),
    ],
)
def test_schemas_refused(schema: pa.Schema, message: str) -> None:
    with pytest.raises(InvalidSchema, match=message):
        canonical_schema(schema)


def test_a_schema_in_records() -> None:
    schema = pa.schema(
        [
            ("text", pa.string()),
            ("when", pa.timestamp("us", "UTC")),
            ("local", pa.timestamp("s")),
            ("price", pa.decimal128(10, 2)),
            ("id", pa.binary(16)),
            ("vector", pa.list_(pa.float32(), 384)),
            ("tags", pa.list_(pa.struct([("key", pa.string()), ("took", pa.duration("ns"))]))),
            ("day", pa.date32()),
            ("at", pa.time64("us")),
        ]
    )
    value = [
        {"name": "text", "type": "string"},
        {"name": "when", "type": {"timestamp": ["us", "UTC"]}},
        {"name": "local", "type": {"timestamp": ["ms", None]}},
        {"name": "price", "type": {"decimal128": [10, 2]}},
        {"name": "id", "type": {"fixed_size_binary": 16}},
        {"name": "vector", "type": {"fixed_size_list": [384, "float32"]}},
        {
            "name": "tags",
            "type": {
                "list": {
                    "struct": [
                        {"name": "key", "type": "string"},
                        {"name": "took", "type": {"duration": "ns"}},
                    ]
                }
            },
        },
        {"name": "day", "type": "date32"},
        {"name": "at", "type": {"time64": "us"}},
    ]
    assert schema_to_value(schema) == value
    assert schema_from_value(value).equals(canonical_schema(schema), check_metadata=True)


@given(samples.types)
def test_schemas_round_trip_through_dag_cbor(t: pa.DataType) -> None:
    schema = canonical_schema(pa.schema([("c", t), ("deepest", nested(MAX_DEPTH))]))
    value = dag_cbor.decode(dag_cbor.encode(schema_to_value(schema)))
    assert schema_from_value(value).equals(schema, check_metadata=True)
    assert schema_to_value(schema_from_value(value)) == value


def too_deep() -> Any:
    value: Any = "int8"
    for _ in range(MAX_DEPTH):
        value = {"list": value}
    return value


@pytest.mark.parametrize(
    "t",
    [
        "int128",
        "large_string",
        None,
        5,
        [],
        {},
        {"list": "string", "x": 1},
        {"list": "nothing"},
        {"struct": []},
        {"struct": "int8"},
        {"struct": [{"name": "", "type": "int8"}]},
        {"struct": [{"name": "a", "type": "int8"}, {"name": "a", "type": "int8"}]},
        {"fixed_size_list": [0, "int8"]},
        {"fixed_size_list": [2**40, "int8"]},
        {"fixed_size_list": [True, "int8"]},
        {"fixed_size_list": [2]},
        {"fixed_size_binary": 0},
        {"fixed_size_binary": "4"},
        {"fixed_size_binary": 2.0},
        {"decimal128": [39, 0]},
        {"decimal256": [0, 0]},
        {"decimal128": [5, 2**40]},
        {"timestamp": ["s", None]},
        {"timestamp": ["us", ""]},
        {"timestamp": ["us", 5]},
        {"timestamp": "us"},
        {"time32": "s"},
        {"time64": ["us"]},
        {"duration": None},
        too_deep(),
    ],
)
def test_values_that_are_no_type(t: Any) -> None:
    with pytest.raises(InvalidSchema):
        schema_from_value([{"name": "c", "type": t}])


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        [5],
        [{"name": "a"}],
        [{"name": 5, "type": "int8"}],
        [{"name": "", "type": "int8"}],
        [{"name": "a", "type": "int8", "nullable": True}],
        [{"name": "a", "type": "int8"}, {"name": "a", "type": "int8"}],
    ],
)
def test_values_that_are_no_schema(value: Any) -> None:
    with pytest.raises(InvalidSchema):
        schema_from_value(value)
