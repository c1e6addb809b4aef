"""Whole files: one row each, its text where it is UTF-8 and its bytes where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from cid_store.errors import LimitExceeded
from codata.ingest.base import TARGET, Options, Range, Scan, Source, Spot
from codata.ingest.conform import conform
from codata.ingest.observe import columns_of
from codata.ingest.types import Node, Types, Where
from codata.table.buffers import ArrowType

name: Final = "files"
suffixes: Final = ()
unit: Final = "file"

_TEXT: Final[ArrowType] = pa.large_string()
_BYTES: Final[ArrowType] = pa.large_binary()
SCHEMA: Final = pa.schema({"path": _TEXT, "size": pa.int64(), "text": _TEXT, "bytes": _BYTES})
MAX_FILE: Final = 256 * 1024 * 1024
"""Bytes of one file: a row is held in memory."""


def sniff(head: bytes, name: str) -> bool:
    """Never: `auto` comes here when no other format is found."""
    return False


def split(source: Source, options: Options, target: int = TARGET) -> list[Range]:
    """One range, also for an empty file: it is a row."""
    return [Range(0, source.size)]


def scan(source: Source, range_: Range, options: Options) -> Iterator[Scan]:
    """The file's row. Raises `LimitExceeded`."""
    table = _table(source, options)
    seen = dict(columns_of(table, lambda _: Where(options.name)))
    # The four columns are fixed, whichever of them this file leaves null.
    columns = tuple((f.name, Node(f.type, seen[f.name].where)) for f in SCHEMA)
    yield Scan(Types(columns, 1), table)


def read(source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """The file's row under `schema`. Raises `LimitExceeded`, `UnfitValue`."""
    yield conform(_table(source, options), schema, options.name)


def places(source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
    """The file is the row."""
    return [0 for _ in spot.rows]


def _table(source: Source, options: Options) -> pa.Table:
    if source.size > MAX_FILE:
        raise LimitExceeded(
            f"{options.name} has {source.size} bytes; a row holds at most {MAX_FILE >> 20} MiB",
            next_step="leave the file out, or add it in a format that is read row by row",
        )
    data = bytes(source.view())
    text: str | None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    row = {"path": options.name, "size": len(data), "text": text, "bytes": data if text is None else None}
    return pa.Table.from_pylist([row], schema=SCHEMA)
