"""The lattice of types: what the values of a column suggest, merged over ranges and files.

Specified in `docs/spec/ingest.md`. Merging is associative; a merged value remembers where its kind was first
seen, so that a conflict names both places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from cid_store.errors import LimitExceeded
from codata.errors import LossyInteger, TypeConflict, UnknownColumn
from codata.table.buffers import ArrowType

MAX_COLUMNS: Final = 16_384
"""Columns of a table, and fields of a struct: bounds the work on a hostile input."""


NULL: Final = pa.null()


@dataclass(frozen=True, slots=True)
class Where:
    """A place: a file and its line, counted from 1; line 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Node:
    """What values suggest. `item` is set for lists, `fields` for structs; all else is `leaf`, canonical.

    `where` is the first value that is not null. `lossy` is the first integer that a double would change:
    harmless in a column of integers, an error in a column of doubles.
    """

    leaf: ArrowType = NULL
    where: Where | None = None
    lossy: Where | None = None
    item: Node | None = None
    fields: tuple[tuple[str, Node], ...] | None = None

    @property
    def type(self) -> ArrowType:
        """The Arrow type."""
        if self.item is not None:
            return pa.large_list(pa.field("item", self.item.type))
        if self.fields is not None:
            return pa.struct([(name, node.type) for name, node in self.fields])
        return self.leaf

    @property
    def is_null(self) -> bool:
        """Whether nothing but nulls was seen."""
        return self.item is None and self.fields is None and pa.types.is_null(self.leaf)


Columns = tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Types:
    """What a stretch of input suggests: columns in order of first appearance.

    `lines` counts its line ends by file, so that places stay right when stretches are joined. `textual`: the
    values are text (CSV), so that every mix of types can be text.
    """

    columns: Columns
    rows: int
    lines: tuple[tuple[str, int], ...] = ()
    textual: bool = False


def merge_types(types: Iterable[Types]) -> Types:
    """One type for all, given in input order. Raises `TypeConflict`, `LimitExceeded`."""
    columns: dict[str, Node] = {}
    lines: dict[str, int] = {}
    rows, textual = 0, False
    for one in types:
        textual = textual or one.textual
        for name, node in one.columns:
            moved = _shift(node, lines)
            columns[name] = merge_nodes(columns[name], moved, name, textual) if name in columns else moved
        if len(columns) > MAX_COLUMNS:
            raise LimitExceeded(f"the input has more than {MAX_COLUMNS} columns")
        for file, count in one.lines:
            lines[file] = lines.get(file, 0) + count
        rows += one.rows
    return Types(tuple(columns.items()), rows, tuple(lines.items()), textual)


def to_schema(types: Types, declared: pa.Schema | None = None) -> pa.Schema:
    """The schema that the whole input is read under.

    Raises `LossyInteger` for a column that must be declared, `UnknownColumn` for a declaration of no column.
    """
    declared = pa.schema([]) if declared is None else declared
    names = dict(types.columns)
    for field in declared:
        if field.name not in names:
            shown = ", ".join(list(names)[:20]) or "none"
            raise UnknownColumn(f"column {field.name!r} is declared, but the input has {shown}")
    known = set(declared.names)
    for name, node in types.columns:
        if name not in known:
            _refuse_lossy(node, name)
    return plain_schema(types, declared)


def plain_schema(types: Types, declared: pa.Schema) -> pa.Schema:
    """The schema of a stretch's own table: as `to_schema`, but judging nothing."""
    known = {f.name: f for f in declared}
    return pa.schema([known.get(n) or pa.field(n, node.type) for n, node in types.columns])


def merge_nodes(a: Node, b: Node, path: str, textual: bool = False) -> Node:
    """The least type above both; `a` comes first in the input. Raises `TypeConflict` naming `path`."""
    if a.is_null or b.is_null:
        return b if a.is_null else a
    if a.leaf == b.leaf and a.item is b.item and a.fields is b.fields and a.where and not b.lossy:
        return a  # nearly every value of the exact readers comes this way
    if a.item is not None and b.item is not None:
        return replace(a, item=merge_nodes(a.item, b.item, f"{path}[]", textual))
    if a.fields is not None and b.fields is not None:
        return replace(a, fields=_merge_fields(a.fields, b.fields, path, textual))
    joined = _join(a, b, textual)
    if joined is None:
        raise TypeConflict(
            f"column {path!r} is {_words(a)} at {a.where or 'one place'} "
            f"and {_words(b)} at {b.where or 'another'}"
        )
    return replace(a, leaf=joined, lossy=a.lossy or b.lossy, where=a.where or b.where)


def _merge_fields(a: Columns, b: Columns, path: str, textual: bool) -> Columns:
    fields = dict(a)
    for name, node in b:
        fields[name] = merge_nodes(fields[name], node, f"{path}.{name}", textual) if name in fields else node
    if len(fields) > MAX_COLUMNS:
        raise LimitExceeded(f"column {path!r} has more than {MAX_COLUMNS} fields")
    return tuple(fields.items())


def _join(a: Node, b: Node, textual: bool) -> ArrowType | None:
    nested = any(n.item is not None or n.fields is not None for n in (a, b))
    if nested:
        return None
    if a.leaf == b.leaf:
        return a.leaf
    number = _join_numbers(a.leaf, b.leaf)
    return pa.large_string() if number is None and textual else number


def _join_numbers(a: ArrowType, b: ArrowType) -> ArrowType | None:
    is_float, is_integer = pa.types.is_floating, pa.types.is_integer
    if is_float(a) and is_float(b):
        return a if a.bit_width > b.bit_width else b
    if (is_float(a) and is_integer(b)) or (is_integer(a) and is_float(b)):
        return pa.float64()
    if not (is_integer(a) and is_integer(b)):
        return None
    signed = [t for t in (a, b) if pa.types.is_signed_integer(t)]
    if len(signed) != 1:
        return a if a.bit_width > b.bit_width else b
    unsigned = b if signed[0] is a else a
    bits = max(signed[0].bit_width, 2 * unsigned.bit_width)
    return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(bits)


def _refuse_lossy(node: Node, path: str) -> None:
    if node.item is not None:
        _refuse_lossy(node.item, f"{path}[]")
    for name, field in node.fields or ():
        _refuse_lossy(field, f"{path}.{name}")
    if node.lossy is not None and pa.types.is_floating(node.leaf):
        raise LossyInteger(
            f"column {path!r} is float64, for fractions or for integers beyond int64; "
            f"the integer at {node.lossy} would not be kept exactly"
        )


def _words(node: Node) -> str:
    if node.item is not None:
        return "a list"
    if node.fields is not None:
        return "an object"
    return {pa.large_string(): "string", pa.float64(): "float64"}.get(node.leaf, str(node.leaf))


def _shift(node: Node, lines: Mapping[str, int]) -> Node:
    """The same node with its places counted from the first stretch of their files."""
    if not lines:
        return node
    return replace(
        node,
        where=_move(node.where, lines),
        lossy=_move(node.lossy, lines),
        item=None if node.item is None else _shift(node.item, lines),
        fields=None if node.fields is None else tuple((n, _shift(f, lines)) for n, f in node.fields),
    )


def _move(where: Where | None, lines: Mapping[str, int]) -> Where | None:
    if where is None or not where.line:
        return where
    return Where(where.file, where.line + lines.get(where.file, 0))
