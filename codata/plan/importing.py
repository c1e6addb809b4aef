"""Import steps: source files to rows, as tasks with receipts, so that a dropped row can be found.

A big file is split in ranges, small files are grouped. Each range is scanned once: the scan reports the types
that its values suggest and, hopefully, the rows under just these types. Types are merged over the whole
input; only where they came out differently is a range read again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from cid_store.cid import CID
from codata import ingest
from codata.errors import BadRecord
from codata.ingest import types as lattice
from codata.ingest import types_record
from codata.ingest.base import Options, Range
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import Part, Parts, Planner, Results, Stage
from codata.records.fields import Value
from codata.records.receipt import Output
from codata.records.source import Source, SourceFile
from codata.steps import ImportStep, step
from codata.table.types import canonical_schema, schema_from_value, schema_to_value

RANGE = 32 * 1024 * 1024
"""Bytes. A file above this is read in ranges of about this size."""

GROUP = 16 * 1024 * 1024
"""Bytes of small files that one task reads at most."""

MEAN_GROUP = 256
"""Files. A group ends with a file whose CID says so, so that a new file regroups only its neighbours."""


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
    parts = _Parts(ctx)
    for name, source, range_ in _stretches(ctx, params, inputs["source"]):
        for one in format_.scan(source, range_, params.options(name)):
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
    parts = _Parts(ctx)
    for name, source, range_ in _stretches(ctx, params, inputs["source"]):
        for table in format_.read(source, range_, schema, params.options(name)):
            parts.add(table)
    return parts.end() or {"0": ctx.put_table(schema.empty_table())}


class _Parts:
    """Gathers stretches of one schema into parts of about `RANGE` bytes; gives up where the schema
    changes."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._held: list[pa.Table] = []
        self._size = 0
        self._out: dict[str, Output] = {}
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
        self._out[str(len(self._out))] = self._ctx.put_table(pa.concat_tables(self._held))
        self._held, self._size = [], 0

    def end(self) -> dict[str, Output] | None:
        """The parts by number; None where the stretches differ in schema or there are none."""
        if self._held and self._one:
            self._flush()
        return self._out if self._one and self._out else None


def _stretches(ctx: Context, params: ScanParams, files: Sequence[CID]) -> Iterator[tuple[str, Any, Range]]:
    format_ = ingest.by_name(params.format)
    if params.paths and len(params.paths) != len(files):
        raise BadRecord("an import task names another number of paths than of files")
    for i, cid in enumerate(files):
        source = ctx.file(cid)
        name = params.paths[i] if params.paths else cid
        if params.start is not None and params.stop is not None:
            yield name, source, Range(params.start, params.stop)
        else:
            for range_ in format_.split(source, params.options(name), RANGE):
                yield name, source, range_


def _read_range(value: Value) -> tuple[int, int]:
    match value:
        case [int(start), int(stop)] if 0 <= start <= stop:
            return start, stop
    raise BadRecord("a list of a file's ranges holds something else")


@dataclass(frozen=True)
class _Work:
    """What one scan task reads."""

    files: tuple[SourceFile, ...]
    range: tuple[int, int] | None = None


class _Import(ImportStep):
    """Read source files of one format into rows, in the order of the source."""

    version = 1
    params = ImportParams
    format: Literal["parquet", "arrow", "csv", "jsonl", "text", "files"]

    def plan(self, params: ImportParams, source: CID, planner: Planner) -> Generator[Stage, Results, Parts]:
        """Split, scan, and read again what was scanned under other types than the whole has."""
        work = yield from self._work(params, source, planner)
        tasks = tuple(self._task(planner, "import/scan", params, w) for w in work)
        scans = (yield Stage(f"import: scan {self.format}", tasks)) if tasks else ()
        nodes = [planner.node(r.out["types"].cid) for r in scans]
        found = [types_record.from_value(n["types"]) for n in nodes if isinstance(n, dict)]
        declared = params.declared_schema()
        merged = lattice.merge_types(found)
        schema = canonical_schema(lattice.to_schema(merged, declared))
        again = [
            i
            for i, (node, types) in enumerate(zip(nodes, found, strict=True))
            if types.rows
            and not (isinstance(node, dict) and node["whole"] and self._same(types, declared, schema))
        ]
        reads = tuple(
            self._task(planner, "import/read", params, work[i], columns=schema_to_value(schema))
            for i in again
        )
        results = (yield Stage(f"import: read {self.format}", reads)) if reads else ()
        good = {i: r.out for i, r in zip(again, results, strict=True)}
        parts: list[Part] = []
        for i, receipt in enumerate(scans):
            out = good.get(i, receipt.out)
            if found[i].rows:
                parts += [Part.of(out[str(k)]) for k in range(len(out) - ("types" in out))]
        return Parts(schema, tuple(p for p in parts if p.rows))

    @staticmethod
    def _same(types: lattice.Types, declared: pa.Schema, schema: pa.Schema) -> bool:
        return bool(canonical_schema(lattice.plain_schema(types, declared)) == schema)

    def _task(self, planner: Planner, name: str, params: ImportParams, work: _Work, **more: Any) -> Any:
        raw = params.model_dump() | {"format": self.format} | more
        if self.format == "files":
            raw["paths"] = [f.path for f in work.files]
        if work.range:
            raw["start"], raw["stop"] = work.range
        return planner.task(name, 1, raw, source=[f.cid for f in work.files])

    def _work(
        self, params: ImportParams, source: CID, planner: Planner
    ) -> Generator[Stage, Results, list[_Work]]:
        files = list(Source.load(planner.store, source).entries(planner.store))
        big = [f for f in files if f.size > RANGE and self.format != "files"]
        raw = params.model_dump() | {"format": self.format}
        tasks = tuple(planner.task("import/split", 1, raw, source=[f.cid]) for f in big)
        results = (yield Stage("import: split big files", tasks)) if tasks else ()
        ranges = {
            f.cid: [_read_range(r) for r in planner.items(receipt.out["out"].cid)]
            for f, receipt in zip(big, results, strict=True)
        }
        work: list[_Work] = []
        group: list[SourceFile] = []
        for file in files:
            alone = file.size > GROUP
            if group and (alone or sum(f.size for f in group) + file.size > GROUP):
                work.append(_Work(tuple(group)))
                group = []
            if file.cid in ranges:
                work += [_Work((file,), r) for r in ranges[file.cid]]
            elif alone:
                work.append(_Work((file,)))
            else:
                group.append(file)
                if int.from_bytes(file.cid.digest[:4], "big") < (1 << 32) // MEAN_GROUP:
                    work.append(_Work(tuple(group)))
                    group = []
        if group:
            work.append(_Work(tuple(group)))
        return work


def _register() -> None:
    for name in ingest.NAMES:
        step(
            type(
                f"Import{name.title()}",
                (_Import,),
                {"name": f"import.{name}", "format": name, "__doc__": _Import.__doc__},
            )
        )


_register()
