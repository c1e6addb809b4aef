"""Parquet. The schema is the file's own; ranges are row groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from codata.errors import MalformedInput
from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.binary import NATIVE_ERRORS, scan_tables, under
from codata.ingest.ranges import ranges

name: Final = "parquet"
suffixes: Final = (".parquet", ".pq")
unit: Final = "record"

_MAGIC: Final = b"PAR1"
_ROWS: Final = 65_536
"""Rows decoded at once: a row group may be larger than memory."""

_MAX_TEXT: Final = 64 * 1024 * 1024
_MAX_ITEMS: Final = 1_000_000
"""Bytes of one text and items of one list in the footer: what it claims is allocated before it is read."""


def sniff(head: bytes, name: str) -> bool:
    """Whether the file begins as Parquet."""
    return head.startswith(_MAGIC)


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """Runs of row groups of about `target` bytes. Raises `MalformedInput`."""
    file = _open(source, options)
    cuts, size = [0], 0
    for i in range(file.num_row_groups):
        if size >= target:
            cuts.append(i)
            size = 0
        size += max(0, file.metadata.row_group(i).total_byte_size)
    return ranges(cuts, file.num_row_groups) or [Range(0, 0)]


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """The file's types and its rows. Raises `MalformedInput`, `UnsupportedType`, `UnfitValue`."""
    return scan_tables(_open(source, options).schema_arrow, _tables(source, range_, options), options)


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """The rows under `schema`. Raises `MalformedInput`, `UnfitValue`."""
    return under(_tables(source, range_, options), schema, options)


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The number of each row in the file."""
    metadata = _open(source, options).metadata
    first = spot.before + sum(metadata.row_group(i).num_rows for i in range(range_.start))
    return [first + row for row in spot.rows]


def _open(source: Source, options: Options) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            pa.BufferReader(pa.py_buffer(source.view())),
            thrift_string_size_limit=_MAX_TEXT,
            thrift_container_size_limit=_MAX_ITEMS,
            page_checksum_verification=True,
        )
    except NATIVE_ERRORS as e:
        raise MalformedInput(f"{options.name} is not a Parquet file: {e}") from None


def _tables(source: Source, range_: Range, options: Options) -> Iterator[pa.Table]:
    file = _open(source, options)
    groups = list(range(range_.start, range_.end))
    try:
        for batch in file.iter_batches(_ROWS, row_groups=groups, use_threads=False):
            batch.validate(full=True)  # strings are not checked for UTF-8 by the reader
            yield pa.Table.from_batches([batch])
    except NATIVE_ERRORS as e:
        raise MalformedInput(f"{options.name}: a row group is damaged: {e}") from None
