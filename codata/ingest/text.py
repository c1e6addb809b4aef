"""Plain text: one row a line, in one column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import pyarrow as pa

from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.compute import pc
from codata.ingest.conform import conform
from codata.ingest.observe import columns_of
from codata.ingest.ranges import Piece, pieces, split_lines
from codata.ingest.types import Types, Where

name: Final = "text"
suffixes: Final = (".txt", ".text")
unit: Final = "line"

SCHEMA: Final = pa.schema([("text", pa.large_string())])


def sniff(head: bytes, name: str) -> bool:
    """Never: its suffix or --format says so."""
    return False


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Ranges that end behind a line end. An empty file is one empty range: it has the column, and no rows."""
    return split_lines(source, options, target) or [Range(0, 0)]


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """Lines of each stretch. Raises `MalformedInput`, `LimitExceeded`."""
    for piece in pieces(source, range_, options):
        table = _table(piece)
        columns = columns_of(table, lambda row: Where(options.name, row + 1))
        yield Scan(Types(columns, table.num_rows, ((options.name, piece.lines),)), table)


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Lines of each stretch under `schema`. Raises `MalformedInput`, `UnfitValue`, `LimitExceeded`."""
    return (conform(_table(piece), schema, options.name) for piece in pieces(source, range_, options))


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The line of each row."""
    piece = next(islice(pieces(source, range_, options), spot.stretch, None))
    return [piece.lead + row + 1 for row in spot.rows]


def _table(piece: Piece) -> pa.Table:
    """A line ends with LF or CR LF; the last one may lack its end; nothing follows a last line end."""
    if not len(piece.data):
        return SCHEMA.empty_table()
    ended = piece.data[-1] == 0x0A
    whole = pa.array([piece.data[:-1] if ended else piece.data], pa.large_binary()).cast(pa.large_string())
    lines = pc.split_pattern(whole, "\n").flatten()
    returns = pc.ends_with(lines, "\r").to_numpy(zero_copy_only=False).copy()
    returns[-1] &= ended  # without a line feed, a carriage return is text
    if returns.any():
        binary = lines.cast(pa.large_binary())
        lines = pc.if_else(pa.array(returns), pc.binary_slice(binary, 0, -1), binary).cast(pa.large_string())
    return pa.Table.from_arrays([lines], schema=SCHEMA)
