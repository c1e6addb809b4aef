"""JSON line by line, exactly: the slow way that tells what is wrong and where, and follows declarations.

Numbers keep their literal text until a type is known.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

from cid_store.errors import LimitExceeded
from codata.errors import UnfitValue
from codata.ingest.conform import CAST_ERRORS, from_columns
from codata.ingest.json_lines import Lines
from codata.ingest.observe import EXACT, is_list
from codata.ingest.types import Columns, Node, Where, merge_nodes
from codata.table.buffers import ArrowType
from codata.table.types import MAX_DEPTH

_INT64: Final = range(-(2**63), 2**63)
_INTEGER: Final = re.compile(r"-?[0-9]+\Z")
_MAX_DIGITS: Final = 400
"""Characters of an integer literal: more than any type here holds, few enough to convert at once."""


class Number(str):
    """The literal of a number."""

    __slots__ = ()


class _UnfitError(Exception):
    """A value that its type can't hold: the path to it, and the value."""

    def __init__(self, path: str, value: Any, target: ArrowType) -> None:
        shown = value if isinstance(value, Number) else json.dumps(value, default=str)
        super().__init__(f"column {path!r} holds {shown[:60]}, which is no {target}")


def parse_line(lines: Lines, row: int) -> dict[str, Any]:
    """The object on a row's line. Raises `MalformedInput`."""
    reason = "it is not a JSON object"
    try:
        # The line is UTF-8 (checked with its piece); json.loads would guess encodings from bytes.
        text = lines.text(row)
        value = _DECODER.decode(text.decode())
        if b"\\u" in text:
            _refuse_surrogates(value)
        if isinstance(value, dict):
            return value
    except json.JSONDecodeError as e:
        reason = f"{e.msg} at character {e.pos + 1}"
    except UnicodeEncodeError:
        reason = "a surrogate escape without its other half"
    except RecursionError:
        reason = "nested too deep"
    except ValueError as e:
        reason = str(e)
    raise lines.piece.malformed(int(lines.starts[row]), reason)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} occurs twice in one object")
    return value


def _float(text: str) -> Number:
    if math.isinf(float(text)):
        raise ValueError(f"the number {text[:40]} is beyond float64")
    return Number(text)


def _integer(text: str) -> Number:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return Number(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=Number
)


def _refuse_surrogates(value: Any) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, inner in value.items():
            key.encode()
            _refuse_surrogates(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_surrogates(inner)


def columns_of(rows: Iterable[tuple[dict[str, Any], Where]], declared: pa.Schema) -> Columns:
    """What these objects suggest. Declared columns are what they are declared. Raises `TypeConflict`."""
    columns: dict[str, Node] = {}
    known = {f.name: f.type for f in declared}
    for row, where in rows:
        for name, value in row.items():
            if name in known:
                columns.setdefault(name, Node(known[name], where))
                continue
            node = node_of(value, where, name)
            columns[name] = merge_nodes(columns[name], node, name) if name in columns else node
    return tuple(columns.items())


def node_of(value: Any, where: Where, path: str, depth: int = 1) -> Node:
    """What one JSON value suggests. Raises `TypeConflict` for lists of mixed values, `LimitExceeded`."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"{where}: column {path!r} is nested deeper than {MAX_DEPTH} levels")
    match value:
        case None:
            return Node()
        case bool():
            return Node(pa.bool_(), where)
        case Number():
            return _number_node(value, where)
        case str():
            return Node(pa.large_string(), where)
        case list():
            item = Node()
            for one in value:
                item = merge_nodes(item, node_of(one, where, f"{path}[]", depth + 1), f"{path}[]")
            return Node(where=where, item=item)
        case _:
            fields = tuple((n, node_of(v, where, f"{path}.{n}", depth + 1)) for n, v in value.items())
            return Node(where=where, fields=fields)


def _number_node(text: Number, where: Where) -> Node:
    if not _INTEGER.match(text):
        return Node(pa.float64(), where)
    value = int(text)
    if value not in _INT64:
        return Node(pa.float64(), where, lossy=where)
    inexact = abs(value) > EXACT and int(float(value)) != value
    return Node(pa.int64(), where, lossy=where if inexact else None)


def table(lines: Lines, schema: pa.Schema) -> pa.Table:
    """The lines under `schema`. Raises `MalformedInput`, `UnfitValue` at the first line that does not fit."""
    values: list[list[Any]] = [[] for _ in schema]
    for row in range(len(lines)):
        parsed = parse_line(lines, row)
        try:
            for field, column in zip(schema, values, strict=True):
                column.append(_convert(parsed.get(field.name), field.type, field.name))
        except _UnfitError as e:
            raise UnfitValue(f"{lines.place_in_file(row)}: {e}") from None
    columns = [pa.array(column, field.type) for field, column in zip(schema, values, strict=True)]
    return from_columns(columns, schema, len(lines))


def _convert(value: Any, target: ArrowType, path: str) -> Any:
    """The Python value from which pyarrow builds `target`. Raises `_UnfitError`."""
    if value is None:
        return None
    if is_list(target) and isinstance(value, list):
        return [_convert(one, target.value_type, f"{path}[]") for one in value]
    if pa.types.is_struct(target) and isinstance(value, dict):
        known = {f.name for f in target}
        for name in value:
            if name not in known:
                raise _UnfitError(f"{path}.{name}", value[name], target)
        return {f.name: _convert(value.get(f.name), f.type, f"{path}.{f.name}") for f in target}
    if pa.types.is_boolean(target) and isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _convert_text(value, target, path)
    raise _UnfitError(path, value, target)


def _convert_text(value: str, target: ArrowType, path: str) -> Any:
    """A number's literal or a string as a leaf. Strings don't become numbers, except decimals."""
    is_number = isinstance(value, Number)
    if pa.types.is_large_string(target):
        return str(value)
    if pa.types.is_large_binary(target) and not is_number:
        return value.encode()
    if pa.types.is_floating(target) and is_number:
        return float(value)
    if pa.types.is_integer(target) and is_number and _INTEGER.match(value):
        bits = target.bit_width
        signed = pa.types.is_signed_integer(target)
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        if low <= int(value) < high:
            return int(value)
    elif pa.types.is_decimal(target) or (pa.types.is_temporal(target) and not is_number):
        try:
            return pa.scalar(str(value), pa.large_string()).cast(target)
        except CAST_ERRORS:
            pass
    raise _UnfitError(path, value, target)
