"""CSV as RFC 4180 has it, with a header by default. pyarrow cuts the fields; types are decided here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from cid_store.errors import LimitExceeded, UsageError
from codata.errors import MalformedInput, UnfitValue
from codata.ingest import csv_layout, csv_types
from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.conform import CAST_ERRORS, by_name, conform_array, first_unfit, from_columns
from codata.ingest.csv_layout import Dialect
from codata.ingest.observe import flat
from codata.ingest.ranges import Piece, as_array, pieces
from codata.ingest.types import MAX_COLUMNS, Columns, Node, Types, Where, plain_schema
from codata.table.buffers import ArrowArray

name: Final = "csv"
suffixes: Final = (".csv", ".tsv")
unit: Final = "line"

_LF: Final = 0x0A
_MAX_HEADER: Final = 1024 * 1024
"""Bytes of a header."""


def sniff(head: bytes, name: str) -> bool:
    """Never: any text can be CSV. Its suffix or --format says so."""
    return False


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Ranges that end behind a record. Raises `LimitExceeded`."""
    return csv_layout.split(source, options, _dialect(options).quote, target)


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """Types and table of each stretch. Raises `MalformedInput`, `UnfitValue`, `LimitExceeded`."""
    return (_scan(*found, options) for found in _texts(source, range_, options))


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Each stretch under `schema`. Raises what `scan` raises."""
    return (_convert(*found, schema, options) for found in _texts(source, range_, options))


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The line on which each row begins."""
    piece = next(islice(_pieces(source, range_, options), spot.stretch, None))
    return [piece.lead + _line(piece, row, options) for row in spot.rows]


def _dialect(options: Options) -> Dialect:
    tabs = options.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(".tsv")
    delimiter = options.delimiter or ("\t" if tabs else ",")
    for what, text in (("delimiter", delimiter), ("quote", options.quote)):
        if len(text.encode()) > 1 or text in ("\n", "\r"):
            raise UsageError(f"a CSV {what} is one ASCII character, not {text!r}")
    return Dialect(ord(delimiter), ord(options.quote) if options.quote else None)


def _texts(source: Source, range_: Range, options: Options) -> Iterator[tuple[pa.Table, Piece]]:
    """Each stretch with every column as text, empty unquoted fields null; and the piece it came from."""
    dialect = _dialect(options)
    names: list[str] | None = None
    for piece in _pieces(source, range_, options):
        csv_layout.check(piece, dialect)
        if names is None:
            start = piece if piece.at_start else _start(source, options)
            names = _header(start, dialect, options)
        yield _parse(piece, names, dialect, options), piece


def _pieces(source: Source, range_: Range, options: Options) -> Iterator[Piece]:
    quote = _dialect(options).quote
    return pieces(source, range_, options, lambda data: csv_layout.last_record_end(data, quote))


def _start(source: Source, options: Options) -> Piece:
    head = source.read(0, _MAX_HEADER + 1).removeprefix(b"\xef\xbb\xbf")
    return Piece(memoryview(head), True, options.name, 0)


def _first_record(piece: Piece, dialect: Dialect) -> tuple[int, int]:
    """Start and end of the first record that is not blank."""
    head = piece.data[:_MAX_HEADER]
    start = 0
    for end in csv_layout.record_ends(as_array(head), dialect.quote):
        if bytes(head[start : int(end)]).strip(b"\r\n"):
            return start, int(end)
        start = int(end)
    if len(piece.data) > _MAX_HEADER:
        raise LimitExceeded(f"{piece.file}: the first record is longer than {_MAX_HEADER} bytes")
    return start, len(head)


def _header(piece: Piece, dialect: Dialect, options: Options) -> list[str]:
    start, end = _first_record(piece, dialect)
    fields = csv_layout.fields(bytes(piece.data[start:end]), dialect)
    if len(fields) > MAX_COLUMNS:
        raise LimitExceeded(f"{piece.file}: {len(fields)} columns; the limit is {MAX_COLUMNS}")
    if not options.header:
        return [f"f{i}" for i in range(len(fields))]
    repeated = next((name for name, times in Counter(fields).items() if times > 1), None)
    if repeated is not None:
        raise piece.malformed(start, f"column {repeated!r} occurs twice in the header")
    return fields


def _parse(piece: Piece, names: list[str], dialect: Dialect, options: Options) -> pa.Table:
    skip = _first_record(piece, dialect)[1] if piece.at_start and options.header else 0
    data = piece.data[skip:]
    if len(data) and data[-1] != _LF:
        # At an unended last line, pyarrow takes an empty field for quoted if the one before it is.
        data = memoryview(bytes(data) + b"\n")
    if not bytes(data[:_MAX_HEADER]).strip(b"\r\n") and not bytes(data).strip(b"\r\n"):
        return pa.table({n: pa.array([], pa.large_string()) for n in names})
    quoted = dialect.quote is not None and bool((as_array(data) == dialect.quote).any())
    try:
        return pcsv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),  # type: ignore[arg-type]  # the stubs know Python's files only
            read_options=pcsv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            parse_options=pcsv.ParseOptions(
                delimiter=chr(dialect.delimiter),
                quote_char=chr(dialect.quote) if quoted and dialect.quote is not None else False,
                double_quote=True,
                newlines_in_values=quoted,
            ),
            convert_options=pcsv.ConvertOptions(
                check_utf8=False,  # the piece was checked
                column_types={n: pa.large_string() for n in names},
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as e:
        raise _ragged(piece, len(names), dialect) or MalformedInput(f"{piece.file}: {e}") from None


def _ragged(piece: Piece, width: int, dialect: Dialect) -> MalformedInput | None:
    """The error of the first record with another number of fields."""
    for start, end in _records(piece, dialect):
        found = len(csv_layout.fields(bytes(piece.data[start:end]), dialect))
        if found != width:
            return piece.malformed(start, f"{found} fields where the header has {width}")
    return None


def _records(piece: Piece, dialect: Dialect) -> Iterator[tuple[int, int]]:
    """Start and end of every record that is not blank."""
    ends = csv_layout.record_ends(as_array(piece.data), dialect.quote).tolist()
    if len(piece.data) and (not ends or ends[-1] != len(piece.data)):
        ends.append(len(piece.data))
    start = 0
    for end in ends:
        if bytes(piece.data[start : min(end, start + 3)]).strip(b"\r\n"):
            yield start, end
        start = end


def _line(piece: Piece, row: int, options: Options) -> int:
    """The line on which a row begins, counted from 1 at the piece's beginning."""
    skip = 1 if piece.at_start and options.header else 0
    for i, (start, _) in enumerate(_records(piece, _dialect(options))):
        if i == row + skip:
            return int(np.count_nonzero(as_array(piece.data[:start]) == 0x0A)) + 1
    raise AssertionError("every row of a table is a record of its piece")


def _scan(table: pa.Table, piece: Piece, options: Options) -> Scan:
    columns: list[tuple[str, Node]] = []
    declared = {f.name: f.type for f in options.declared}
    for name, texts in by_name(table).items():
        node = Node(declared[name]) if name in declared else _node(flat(texts), piece, options)
        columns.append((name, node))
    found: Columns = tuple(columns)
    types = Types(found, table.num_rows, ((options.name, piece.lines),), textual=True)
    return Scan(types, _convert(table, piece, plain_schema(types, options.declared), options))


def _node(texts: ArrowArray, piece: Piece, options: Options) -> Node:
    guess = csv_types.guess(texts.drop_null())
    if guess.lossy is None:
        return Node(guess.type)
    row = int(np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))[guess.lossy])
    return Node(guess.type, lossy=Where(options.name, _line(piece, row, options)))


def _convert(table: pa.Table, piece: Piece, schema: pa.Schema, options: Options) -> pa.Table:
    columns = []
    found = by_name(table)
    for field in schema:
        if field.name not in found:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        texts = flat(found[field.name])
        try:
            columns.append(conform_array(texts, field.type))
        except CAST_ERRORS:
            row = first_unfit(texts, field.type)
            line = piece.lead + _line(piece, row, options)
            raise UnfitValue(
                f"{options.name}:{line}: column {field.name!r} holds {texts[row].as_py()[:60]!r}, "
                f"which is no {field.type}"
            ) from None
    return from_columns(columns, schema, table.num_rows)
