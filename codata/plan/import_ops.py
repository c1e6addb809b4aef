"""The operations of import steps: ranges of a big file, types and rows of some files, rows under a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa
from pydantic import Field

from cid_store.cid import CID
from codata import ingest
from codata.errors import BadRecord
from codata.ingest import types as lattice
from codata.ingest import types_record
from codata.ingest.base import Options, Range, Source
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.table.types import schema_from_value

T = TypeVar("T")

RANGE = 32 * 1024 * 1024
"""Bytes. A file above this is read in ranges of about this size."""


class ImportParams(Params):
    """How the files are read; see `codata add --help`. `declared`: the columns that a schema file fixes."""

    declared: list[Any] = Field(default_factory=list)
    delimiter: str | None = None
    quote: str = '"'
    header: bool = True

    def declared_schema(self) -> pa.Schema:
        """The declared columns, none where nothing is declared."""
        return schema_from_value(self.declared) if self.declared else pa.schema([])

    def options(self, name: str) -> Options:
        """These as the formats take them."""
        return Options(name, self.declared_schema(), self.delimiter, self.quote, self.header)


class SplitParams(ImportParams):
    """The format that decides where ranges can begin."""

    format: str


class ScanParams(SplitParams):
    """`paths`: one for each input file where rows show them, else empty. `start`, `stop`: a range of the one
    file."""

    paths: list[str] = Field(default_factory=list)
    start: int | None = None
    stop: int | None = None


class ReadParams(ScanParams):
    """`columns`: the final schema."""

    columns: list[Any]


@op("import/split", version=1, params=SplitParams)
def split(ctx: Context, params: SplitParams, inputs: Inputs) -> Outputs:
    """The ranges of one big file."""
    (file,) = inputs["source"]
    found = ingest.by_name(params.format).split(ctx.file(file), params.options(file), RANGE)
    return {"out": ctx.put_list([r.start, r.end] for r in found)}


@op("import/scan", version=1, params=ScanParams)
def scan(ctx: Context, params: ScanParams, inputs: Inputs) -> Outputs:
    """Types and rows of some files or of a range of one. `0`, `1`… are parts, where all have the same
    types."""
    format_ = ingest.by_name(params.format)
    found: list[lattice.Types] = []
    parts = PartCutter(ctx.put_table)
    for file in ranges(ctx, params, inputs["source"]):
        for one in format_.scan(file.source, file.range, params.options(file.name)):
            found.append(one.types)
            parts.add(one.table)
    merged = lattice.merge_types(found or [lattice.Types((), 0)])
    out = parts.end()
    node = ctx.put_node({"types": types_record.to_value(merged), "whole": out is not None})
    return {"types": node, **(out or {})}


@op("import/read", version=1, params=ReadParams)
def read(ctx: Context, params: ReadParams, inputs: Inputs) -> Outputs:
    """The rows of some files or of a range of one under the final schema, as parts `0`, `1`…"""
    format_, schema = ingest.by_name(params.format), schema_from_value(params.columns)
    parts = PartCutter(ctx.put_table)
    for file in ranges(ctx, params, inputs["source"]):
        for table in format_.read(file.source, file.range, schema, params.options(file.name)):
            parts.add(table)
    return parts.end() or {"0": ctx.put_table(schema.empty_table())}


class PartCutter(Generic[T]):
    """Gathers stretches of one schema into parts of about `RANGE` bytes, each handed to `put`; gives up where
    the schema changes."""

    def __init__(self, put: Callable[[pa.Table], T]) -> None:
        self._put = put
        self._held: list[pa.Table] = []
        self._size = 0
        self._out: dict[str, T] = {}
        self._schema: pa.Schema | None = None
        self._one = True

    def add(self, table: pa.Table) -> None:
        """Take the next stretch."""
        self._schema = self._schema or table.schema
        self._one = self._one and table.schema == self._schema
        if not self._one:
            self._held.clear()
            return
        self._held.append(table)
        self._size += table.nbytes
        if self._size > RANGE:
            self._flush()

    def _flush(self) -> None:
        self._out[str(len(self._out))] = self._put(pa.concat_tables(self._held))
        self._held, self._size = [], 0

    def end(self) -> dict[str, T] | None:
        """The parts by number; None where the stretches differ in schema or there are none."""
        if self._held and self._one:
            self._flush()
        return self._out if self._one and self._out else None


@dataclass(frozen=True, slots=True)
class FileRange:
    """A range of input file number `at`; `name` is its path where rows show it, else its CID."""

    at: int
    name: str
    source: Source
    range: Range


def ranges(ctx: Context, params: ScanParams, files: Sequence[CID]) -> Iterator[FileRange]:
    """What a task of these parameters reads, in order."""
    format_ = ingest.by_name(params.format)
    if params.paths and len(params.paths) != len(files):
        raise BadRecord("an import task names another number of paths than of files")
    for i, cid in enumerate(files):
        source = ctx.file(cid)
        name = params.paths[i] if params.paths else cid
        if params.start is not None and params.stop is not None:
            yield FileRange(i, name, source, Range(params.start, params.stop))
        else:
            for range_ in format_.split(source, params.options(name), RANGE):
                yield FileRange(i, name, source, range_)
