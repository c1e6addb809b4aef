"""Plain text: one row a line, in one column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from codata.ingest.base import TARGET, Options, Range, Scan, Source
from codata.ingest.compute import pc
from codata.ingest.conform import conform
from codata.ingest.observe import columns_of
from codata.ingest.ranges import Piece, pieces, split_lines
from codata.ingest.types import Types, Where

name: Final = "text"
suffixes: Final = (".txt", ".text")

SCHEMA: Final = pa.schema([("text", pa.large_string())])


def sniff(head: bytes, name: str) -> bool:
    """Never: its suffix or --format says so."""
    return False


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Ranges that end behind a line end."""
    return split_lines(source, options, target)


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """Lines of each stretch. Raises `MalformedInput`, `LimitExceeded`."""
    for piece in pieces(source, range_, options):
        table = _table(piece)
        columns = columns_of(table, lambda row: Where(options.name, row + 1))
        yield Scan(Types(columns, table.num_rows, ((options.name, piece.lines),)), table)


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Lines of each stretch under `schema`. Raises `MalformedInput`, `UnfitValue`, `LimitExceeded`."""
    return (conform(_table(piece), schema, options.name) for piece in pieces(source, range_, options))


def _table(piece: Piece) -> pa.Table:
    """A line ends with LF or CR LF; the last one may lack its end; nothing follows a last line end."""
    data = piece.data[:-1] if len(piece.data) and piece.data[-1] == 0x0A else piece.data
    if not len(piece.data):
        return SCHEMA.empty_table()
    whole = pa.array([data], pa.large_binary()).cast(pa.large_string())
    lines = pc.split_pattern(whole, "\n").flatten()
    ended_by_crlf = pc.ends_with(lines, "\r")
    if len(data) == len(piece.data) and len(lines):
        # The last line has no end, so that a carriage return there is its own.
        last = pa.array([i < len(lines) - 1 for i in (len(lines) - 1,)])
        ended_by_crlf = pa.concat_arrays([ended_by_crlf.slice(0, len(lines) - 1), last])
    if pc.any(ended_by_crlf).as_py():
        shorter = pc.binary_slice(lines.cast(pa.large_binary()), 0, -1).cast(pa.large_string())
        lines = pc.if_else(ended_by_crlf, shorter, lines)
    return pa.Table.from_arrays([lines], schema=SCHEMA)
