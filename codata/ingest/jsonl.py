"""JSON Lines: one object a line. pyarrow parses; what it would refuse or round is decided line by line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import numpy as np
import pyarrow as pa

from codata.errors import MalformedInput, TypeConflict
from codata.ingest import json_exact, json_fast
from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.conform import by_name, conform, from_columns
from codata.ingest.json_lines import Lines, lines_of
from codata.ingest.observe import columns_of, doubtful_rows, flat
from codata.ingest.ranges import Piece, pieces, split_lines
from codata.ingest.types import Columns, Node, Types, Where, merge_nodes, plain_schema

name: Final = "jsonl"
suffixes: Final = (".jsonl", ".ndjson", ".jsonlines")
unit: Final = "line"

# Integers of 16 digits can be beyond 2**53; the others are spellings that pyarrow alone takes.
_DOUBTFUL: Final = re.compile(rb"[0-9]{16}|Inf(?!inity)|-NaN")


def sniff(head: bytes, name: str) -> bool:
    """Whether the first line is one JSON object."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    end = text.find(b"\n")
    if not text.startswith(b"{") or end < 0:
        return False
    line = Lines(Piece(memoryview(text), True, name, 0), np.array([0]), np.array([end]), np.array([1]), True)
    try:
        json_exact.parse_line(line, 0)
    except (MalformedInput, UnicodeDecodeError):
        return False
    return True


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Ranges that end behind a line end."""
    return split_lines(source, options, target)


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """Types and table of each stretch. Raises `MalformedInput`, `TypeConflict`, `LimitExceeded`."""
    return (_scan(lines_of(piece), options) for piece in pieces(source, range_, options))


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Each stretch under `schema`. Raises `MalformedInput`, `UnfitValue`, `LimitExceeded`."""
    return (_read(lines_of(piece), schema) for piece in pieces(source, range_, options))


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The line of each row."""
    lines = lines_of(next(islice(pieces(source, range_, options), spot.stretch, None)))
    return [lines.place_in_file(row).line for row in spot.rows]


def _scan(lines: Lines, options: Options) -> Scan:
    counts = ((options.name, lines.piece.lines),)
    if not len(lines):
        return Scan(Types((), 0, counts), pa.table({}))
    table = json_fast.infer(lines.piece.data, options.declared) if lines.framed else None
    if table is None or table.num_rows != len(lines):
        return _scan_exactly(lines, options, counts)
    columns = columns_of(table, lines.place)
    # A declared column is what it is declared, whatever its nesting: nothing is merged below it.
    declared = {f.name: f.type for f in options.declared}
    columns = tuple((n, Node(declared[n], node.where) if n in declared else node) for n, node in columns)
    types = Types(_look_again(columns, table, lines, options), len(lines), counts)
    # What looking again found can only forbid a column, never change its type.
    return Scan(types, conform(table, plain_schema(types, options.declared), options.name))


def _scan_exactly(lines: Lines, options: Options, counts: tuple[tuple[str, int], ...]) -> Scan:
    try:
        columns = _columns_exactly(lines, lines.place, options)
    except TypeConflict:
        _columns_exactly(lines, lines.place_in_file, options)  # the same conflict, at its places in the file
        raise
    types = Types(columns, len(lines), counts)
    return Scan(types, json_exact.table(lines, plain_schema(types, options.declared)))


def _columns_exactly(lines: Lines, place: Callable[[int], Where], options: Options) -> Columns:
    rows = ((json_exact.parse_line(lines, row), place(row)) for row in range(len(lines)))
    return json_exact.columns_of(rows, options.declared)


def _look_again(columns: Columns, table: pa.Table, lines: Lines, options: Options) -> Columns:
    """Merge in what the lines with doubtful doubles say exactly."""
    declared = set(options.declared.names)
    doubtful = [doubtful_rows(flat(array)) for name, array in by_name(table).items() if name not in declared]
    found = dict(columns)
    for row in np.unique(np.concatenate([np.empty(0, np.int64), *doubtful])):
        if not _DOUBTFUL.search(lines.text(row)):
            continue
        exact = json_exact.columns_of(
            [(json_exact.parse_line(lines, row), lines.place(row))], options.declared
        )
        for column, node in exact:
            found[column] = merge_nodes(found[column], node, column)
    return tuple(found.items())


def _read(lines: Lines, schema: pa.Schema) -> pa.Table:
    if not len(lines):
        return from_columns([pa.array([], f.type) for f in schema], schema, 0)
    table = json_fast.read(lines.piece.data, schema, lines.piece.file) if lines.framed else None
    if table is None or table.num_rows != len(lines):
        return json_exact.table(lines, schema)
    return table
