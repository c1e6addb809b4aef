"""A stretch of JSON Lines through pyarrow's parser, in one block on one thread.

pyarrow decides three things that are not its to decide: it reads ISO strings as timestamps, rounds large
integers among doubles, and puts columns with a given type first. Here strings are pinned as strings, columns
are put back in order, and the caller looks at doubtful doubles. `None` means that pyarrow refused: the exact
reader has the last word.
"""

from __future__ import annotations

from typing import Final, Literal

import pyarrow as pa
import pyarrow.json as pj

from cid_store.errors import LimitExceeded
from codata.errors import UnfitValue
from codata.ingest.conform import conform
from codata.ingest.observe import is_list
from codata.ingest.ranges import last_line_end
from codata.ingest.types import MAX_COLUMNS
from codata.table.buffers import ArrowType

_HEAD: Final = 64 * 1024
"""Bytes parsed beforehand to learn which columns hold ISO strings: 0.2% of a range; saves a second pass."""

_REFUSED: Final = (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnfitValue)
_OTHER_LEAVES: Final = (pa.types.is_boolean, pa.types.is_int64, pa.types.is_float64, pa.types.is_null)


def infer(data: memoryview, declared: pa.Schema) -> pa.Table | None:
    """The stretch under its values' own types, or declared ones; columns in order of first appearance."""
    head = data[: last_line_end(data[:_HEAD]) or len(data)]
    try:
        first = _parse(head, pa.schema([])).schema
        pins = _pins(first, declared)
        table = _parse(data, pins)
        order = _ordered(first, table.schema)
        if _unpinned(table.schema, pins, declared):
            table = _parse(data, _pinned(order, declared))
        return conform(table, _pinned(order, declared, final=True), "")
    except _REFUSED:
        return None


def read(data: memoryview, schema: pa.Schema, name: str) -> pa.Table | None:
    """The stretch under `schema`."""
    try:
        table = _parse(data, pa.schema([pa.field(f.name, _carrier(f.type)) for f in schema]), "error")
        return conform(table, schema, name)
    except _REFUSED:
        return None


def _parse(
    data: memoryview, explicit: pa.Schema, unexpected: Literal["infer", "error"] = "infer"
) -> pa.Table:
    table = pj.read_json(
        pa.BufferReader(pa.py_buffer(data)),  # type: ignore[arg-type]  # the stubs know Python's files only
        read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=pj.ParseOptions(explicit_schema=explicit, unexpected_field_behavior=unexpected),
    )
    if sum(map(_width, table.schema.types)) > MAX_COLUMNS:
        raise LimitExceeded(f"the input has more than {MAX_COLUMNS} columns, fields of objects included")
    table.validate()  # pyarrow counts the nulls of `[null, null]` as one: a list beyond its values
    return table


def _width(t: ArrowType) -> int:
    """How many columns a type is worth. One that is too wide is not walked to its end: it may have millions
    of fields."""
    if is_list(t):
        return _width(t.value_type)
    if pa.types.is_struct(t) and t.num_fields <= MAX_COLUMNS:
        return sum(_width(f.type) for f in t)
    return t.num_fields if pa.types.is_struct(t) else 1


def _carrier(t: ArrowType) -> ArrowType:
    """The type under which pyarrow's parser takes what `t` holds: dates as text, cast afterwards."""
    if is_list(t):
        return pa.list_(pa.field("item", _carrier(t.value_type)))
    if pa.types.is_struct(t):
        return pa.struct([pa.field(f.name, _carrier(f.type)) for f in t])
    return pa.large_string() if pa.types.is_temporal(t) else t


def _text(t: ArrowType) -> ArrowType:
    """`t` with every leaf that was guessed from a string turned back into string, canonical."""
    if is_list(t):
        return pa.large_list(pa.field("item", _text(t.value_type)))
    if pa.types.is_struct(t):
        return pa.struct([pa.field(f.name, _text(f.type)) for f in t])
    return t if any(is_other(t) for is_other in _OTHER_LEAVES) else pa.large_string()


def _guessed(t: ArrowType) -> bool:
    if is_list(t):
        return _guessed(t.value_type)
    if pa.types.is_struct(t):
        return any(_guessed(f.type) for f in t)
    return bool(pa.types.is_temporal(t))


def _pins(first: pa.Schema, declared: pa.Schema) -> pa.Schema:
    fields = []
    known = {f.name: f.type for f in declared}
    for field in first:
        if field.name in known:
            fields.append(pa.field(field.name, _carrier(known[field.name])))
        elif (pin := _pin(field.type)) is not None:
            fields.append(pa.field(field.name, pin))
    return pa.schema(fields)


def _pin(t: ArrowType) -> ArrowType | None:
    """As much of `t` as keeps strings strings; what later lines may widen is left open."""
    if is_list(t):
        item = _pin(t.value_type)
        return None if item is None else pa.list_(pa.field("item", item))
    if pa.types.is_struct(t):
        pins = [(f.name, _pin(f.type)) for f in t]
        fields = [pa.field(name, pin) for name, pin in pins if pin is not None]
        return pa.struct(fields) if fields else None
    return pa.string() if pa.types.is_temporal(t) else None


def _unpinned(schema: pa.Schema, pins: pa.Schema, declared: pa.Schema) -> bool:
    """Whether a later part of the stretch brought columns that must be parsed otherwise."""
    known, pinned = set(declared.names), set(pins.names)
    for field in schema:
        if field.name in known:
            if field.name not in pinned:
                return True
        elif _guessed(field.type):
            return True
    return False


def _pinned(order: pa.Schema, declared: pa.Schema, final: bool = False) -> pa.Schema:
    fields = []
    known = {f.name: f.type for f in declared}
    for field in order:
        target = known[field.name] if field.name in known else _text(field.type)
        fields.append(pa.field(field.name, target if final else _carrier(target)))
    return pa.schema(fields)


def _ordered(first: pa.Schema, whole: pa.Schema) -> pa.Schema:
    """The fields of `whole` in order of first appearance: those of the unpinned head come first."""
    head, types = ({f.name: f.type for f in schema} for schema in (first, whole))
    names = [n for n in head if n in types]
    names += [n for n in types if n not in head]
    return pa.schema([pa.field(n, _ordered_type(head.get(n, pa.null()), types[n])) for n in names])


def _ordered_type(first: ArrowType, whole: ArrowType) -> ArrowType:
    if pa.types.is_struct(first) and pa.types.is_struct(whole):
        return pa.struct(list(_ordered(pa.schema(list(first)), pa.schema(list(whole)))))
    if is_list(first) and is_list(whole):
        return pa.list_(pa.field("item", _ordered_type(first.value_type, whole.value_type)))
    return whole
