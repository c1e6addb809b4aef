"""Canonical types and schemas, and the plain value that records hold for them.

Specified in `docs/spec/table.md`. A schema's value is made of lists, maps, text, integers and null only, so
that it encodes as DAG-CBOR and reads as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import pyarrow as pa

from codata.errors import InvalidSchema, UnsupportedType
from codata.table.buffers import ArrowField, ArrowType

Value: TypeAlias = Any
"""Lists, maps, text, integers and None, nested."""

MAX_DEPTH: Final = 32
"""Levels of nesting: half of what Arrow's IPC reader accepts by default, so that others read shards too."""

MAX_FIELDS: Final = 16_384
"""Fields of a schema, nested ones included: bounds the work on a hostile schema."""

MAX_LIST_SIZE: Final = 1 << 20
MAX_BINARY_WIDTH: Final = 1 << 20
"""Elements of a fixed-size list and bytes of a fixed-size binary: bound what one row can claim."""

_SIMPLE: Final[dict[str, ArrowType]] = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.large_string(),
    "binary": pa.large_binary(),
    "date32": pa.date32(),
}
_SIMPLE_NAMES: Final = {t: name for name, t in _SIMPLE.items()}
_UNITS: Final = {
    "time32": ("ms",),
    "time64": ("us", "ns"),
    "timestamp": ("ms", "us", "ns"),
    "duration": ("s", "ms", "us", "ns"),
}
_DECIMALS: Final[dict[str, tuple[int, Callable[[int, int], ArrowType]]]] = {
    "decimal128": (38, pa.decimal128),
    "decimal256": (76, pa.decimal256),
}
MAX_SCALE: Final = 1 << 15
"""Absolute value of a decimal's scale: far beyond use, and within every reader's integers."""


def canonical_type(data_type: ArrowType, column: str = "") -> ArrowType:
    """The canonical type that holds every value of `data_type`.

    Raises `UnsupportedType` naming `column` where there is none, `InvalidSchema` beyond `MAX_DEPTH`.
    """
    return _canonical(data_type, column, 1)


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with canonical types, every field nullable, no metadata.

    Raises `InvalidSchema` for no, too many, empty or repeated names, and what `canonical_type` raises.
    """
    fields = [_field(f.name, _canonical(f.type, f.name, 1)) for f in schema]
    _check_names([f.name for f in fields], "the table")
    if sum(_count(f.type) for f in fields) > MAX_FIELDS:
        raise InvalidSchema(f"the table has more than {MAX_FIELDS} fields, nested ones included")
    return pa.schema(fields)


def schema_to_value(schema: pa.Schema) -> Value:
    """The record form of a schema: `[{"name": …, "type": …}, …]`. Non-canonical types come out canonical."""
    return [_field_to_value(f) for f in canonical_schema(schema)]


def schema_from_value(value: Value) -> pa.Schema:
    """The schema of a record form; raises `InvalidSchema` for what `schema_to_value` can't have written."""
    schema = pa.schema(_fields_from_value(value, 1))
    try:
        same = canonical_schema(schema).equals(schema, check_metadata=True)
    except UnsupportedType as e:
        raise InvalidSchema(e.message) from None
    if not same:
        raise InvalidSchema("the schema is not in canonical form")
    return schema


# -- Arrow to canonical --------------------------------------------------------------------------------------


def _canonical(t: ArrowType, column: str, depth: int) -> ArrowType:
    if depth > MAX_DEPTH:
        raise InvalidSchema(f"column {column!r} is nested deeper than {MAX_DEPTH} levels")
    types = pa.types
    if isinstance(t, pa.BaseExtensionType):
        return _canonical(t.storage_type, column, depth)
    if types.is_dictionary(t) or types.is_run_end_encoded(t):
        return _canonical(t.value_type, column, depth)
    if is_list_like(t):
        return pa.large_list(_field("item", _canonical(t.value_type, column, depth + 1)))
    if types.is_map(t):
        entry = pa.struct([_field("key", t.key_type), _field("value", t.item_type)])
        return pa.large_list(_field("item", _canonical(entry, column, depth + 1)))
    if types.is_fixed_size_list(t):
        if not 1 <= t.list_size <= MAX_LIST_SIZE:
            raise UnsupportedType(
                f"column {column!r}: a list of {t.list_size} elements; 1 to {MAX_LIST_SIZE}"
            )
        return pa.list_(_field("item", _canonical(t.value_type, column, depth + 1)), t.list_size)
    if types.is_struct(t):
        _check_names([f.name for f in t], f"a struct in column {column!r}")
        return pa.struct([_field(f.name, _canonical(f.type, column, depth + 1)) for f in t])
    return _canonical_leaf(t, column)


def _canonical_leaf(t: ArrowType, column: str) -> ArrowType:
    types = pa.types
    if types.is_string(t) or types.is_large_string(t) or types.is_string_view(t):
        return pa.large_string()
    if types.is_binary(t) or types.is_large_binary(t) or types.is_binary_view(t):
        return pa.large_binary()
    if types.is_fixed_size_binary(t):
        if not 1 <= t.byte_width <= MAX_BINARY_WIDTH:
            raise UnsupportedType(f"column {column!r}: {t.byte_width} bytes a value; 1 to {MAX_BINARY_WIDTH}")
        return t
    if types.is_decimal(t):
        if abs(t.scale) > MAX_SCALE:
            raise UnsupportedType(f"column {column!r}: a decimal scale of {t.scale}")
        return t if types.is_decimal256(t) else pa.decimal128(t.precision, t.scale)
    if types.is_date(t):
        return pa.date32()
    if types.is_timestamp(t):
        return pa.timestamp("ms" if t.unit == "s" else t.unit, t.tz)
    if types.is_time32(t):
        return pa.time32("ms")
    if types.is_time64(t) or types.is_duration(t) or t in _SIMPLE_NAMES:
        return t
    raise UnsupportedType(f"column {column!r} has type {t}, which has no canonical form")


def is_list_like(t: ArrowType) -> bool:
    """Whether `t` is a list of any length a row: plain or large, by offsets or by views."""
    types = pa.types
    return bool(
        types.is_list(t) or types.is_large_list(t) or types.is_list_view(t) or types.is_large_list_view(t)
    )


def _field(name: str, t: ArrowType) -> ArrowField:
    return pa.field(name, t, nullable=True)


def _check_names(names: list[str], where: str) -> None:
    if not names:
        raise InvalidSchema(f"{where} has no columns")
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InvalidSchema(f"{where} has a column without a name")
        if name in seen:
            raise InvalidSchema(f"{where} has two columns called {name!r}")
        seen.add(name)


def children(t: ArrowType) -> Iterable[ArrowType]:
    """The child types of a canonical type, in order."""
    return [t.field(i).type for i in range(t.num_fields)]


def _count(t: ArrowType) -> int:
    return 1 + sum(_count(child) for child in children(t))


# -- canonical to value --------------------------------------------------------------------------------------


def _field_to_value(field: ArrowField) -> Value:
    return {"name": field.name, "type": _type_to_value(field.type)}


def _type_to_value(t: ArrowType) -> Value:
    types = pa.types
    if t in _SIMPLE_NAMES:
        return _SIMPLE_NAMES[t]
    if types.is_large_list(t):
        return {"list": _type_to_value(t.value_type)}
    if types.is_fixed_size_list(t):
        return {"fixed_size_list": [t.list_size, _type_to_value(t.value_type)]}
    if types.is_struct(t):
        return {"struct": [_field_to_value(f) for f in t]}
    if types.is_fixed_size_binary(t):
        return {"fixed_size_binary": t.byte_width}
    if types.is_decimal(t):
        return {f"decimal{t.bit_width}": [t.precision, t.scale]}
    if types.is_timestamp(t):
        return {"timestamp": [t.unit, t.tz]}
    if types.is_duration(t):
        return {"duration": t.unit}
    return {f"time{t.bit_width}": t.unit}


# -- value to canonical --------------------------------------------------------------------------------------


def _fields_from_value(value: Value, depth: int) -> list[ArrowField]:
    if not isinstance(value, list):
        raise InvalidSchema("a schema's fields are a list")
    fields = []
    for item in value:
        if not isinstance(item, dict) or set(item) != {"name", "type"} or not isinstance(item["name"], str):
            raise InvalidSchema("a schema's field is a map of `name` and `type`")
        fields.append(_field(item["name"], _type_from_value(item["type"], depth)))
    return fields


def _type_from_value(value: Value, depth: int) -> ArrowType:
    if depth > MAX_DEPTH:
        raise InvalidSchema(f"a type is nested deeper than {MAX_DEPTH} levels")
    match value:
        case str() if value in _SIMPLE:
            return _SIMPLE[value]
        case {"list": item, **rest} if not rest:
            return pa.large_list(_field("item", _type_from_value(item, depth + 1)))
        case {"fixed_size_list": [size, item], **rest} if not rest and _within(size, 1, MAX_LIST_SIZE):
            return pa.list_(_field("item", _type_from_value(item, depth + 1)), size)
        case {"struct": fields, **rest} if not rest:
            return pa.struct(_fields_from_value(fields, depth + 1))
        case dict() if len(value) == 1:
            return _leaf_from_value(*next(iter(value.items())))
    raise InvalidSchema(f"{str(value)[:80]!r} is not a type")


def _leaf_from_value(kind: Value, value: Value) -> ArrowType:
    match kind, value:
        case "fixed_size_binary", width if _within(width, 1, MAX_BINARY_WIDTH):
            return pa.binary(width)
        case (("decimal128" | "decimal256"), [precision, scale]) if _within(scale, -MAX_SCALE, MAX_SCALE):
            greatest, make = _DECIMALS[kind]
            if _within(precision, 1, greatest):
                return make(precision, scale)
        case "timestamp", [unit, zone] if unit in _UNITS["timestamp"] and _is_zone(zone):
            return pa.timestamp(unit, zone)
        case "duration", unit if unit in _UNITS["duration"]:
            return pa.duration(unit)
        case "time32", unit if unit in _UNITS["time32"]:
            return pa.time32(unit)
        case "time64", unit if unit in _UNITS["time64"]:
            return pa.time64(unit)
    raise InvalidSchema(f"{str({kind: value})[:80]!r} is not a type")


def _within(value: Value, least: int, greatest: int) -> bool:
    return type(value) is int and least <= value <= greatest


def _is_zone(zone: Value) -> bool:
    return zone is None or (isinstance(zone, str) and zone != "")
