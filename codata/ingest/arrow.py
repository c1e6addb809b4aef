"""Arrow IPC: files (also called Feather V2) and streams. The schema is the file's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from cid_store.errors import LimitExceeded
from codata.errors import MalformedInput
from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.binary import NATIVE_ERRORS, scan_tables, under
from codata.ingest.ranges import ranges

name: Final = "arrow"
suffixes: Final = (".arrow", ".arrows", ".feather", ".ipc")
unit: Final = "record"

_FILE: Final = b"ARROW1\0\0"
_FEATHER_1: Final = b"FEA1"
_STREAM: Final = b"\xff\xff\xff\xff"
MAX_BATCHES: Final = 1 << 20


def sniff(head: bytes, name: str) -> bool:
    """Whether the file begins as an Arrow file. A stream's beginning is too common to tell."""
    return head.startswith((_FILE, _FEATHER_1))


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Runs of record batches of about `target` bytes; a stream is one range. Raises `MalformedInput`."""
    reader = _open(source, options)
    if not isinstance(reader, pa.RecordBatchFileReader):
        return [Range(0, 1)]
    count = reader.num_record_batches
    if count > MAX_BATCHES:
        raise LimitExceeded(f"{options.name}: {count} record batches; the limit is {MAX_BATCHES}")
    step = max(1, count * target // max(source.size, 1))
    return ranges(list(range(0, count, step)) or [0], count) or [Range(0, 0)]


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """The file's types and each batch. Raises `MalformedInput`, `UnsupportedType`, `UnfitValue`."""
    return scan_tables(_schema(source, options), _tables(source, range_, options), options)


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Each batch under `schema`. Raises `MalformedInput`, `UnfitValue`."""
    return under(_tables(source, range_, options), schema, options)


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The number of each row in the file."""
    earlier = _tables(source, Range(0, range_.start), options) if range_.start else iter(())
    first = spot.before + sum(table.num_rows for table in earlier)
    return [first + row for row in spot.rows]


def _schema(source: Source, options: Options) -> pa.Schema:
    return _open(source, options).schema


def _open(source: Source, options: Options) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    head = source.read(0, 8)
    if head.startswith(_FEATHER_1):
        raise MalformedInput(
            f"{options.name} is Feather version 1", next_step="write it again as Feather V2 or Parquet"
        )
    buffer = pa.py_buffer(source.view())
    try:
        return pa.ipc.open_file(buffer) if head == _FILE else pa.ipc.open_stream(buffer)
    except NATIVE_ERRORS as e:
        raise MalformedInput(f"{options.name} is not an Arrow file or stream: {e}") from None


def _tables(source: Source, range_: Range, options: Options) -> Iterator[pa.Table]:
    reader = _open(source, options)
    try:
        batches = (
            map(reader.get_batch, range(range_.start, range_.end))
            if isinstance(reader, pa.RecordBatchFileReader)
            else reader
        )
        for batch in batches:
            batch.validate(
                full=True
            )  # offsets are from outside: unchecked, they would reach beyond the buffers
            yield pa.Table.from_batches([batch])
    except NATIVE_ERRORS as e:
        raise MalformedInput(f"{options.name}: a record batch is damaged: {e}") from None
