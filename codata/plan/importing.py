"""Import steps: source files to rows, as tasks with receipts, so that a dropped row can be found.

A big file is split in ranges, small files are grouped. Each range is scanned once: the scan reports the types
that its values suggest and, hopefully, the rows under just these types. Types are merged over the whole
input; only where they came out differently is a range read again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from cid_store.cid import CID
from codata import ingest
from codata.errors import BadRecord, InputRefused
from codata.ingest import types as lattice
from codata.ingest import types_record
from codata.plan import import_ops
from codata.plan.import_ops import ImportParams
from codata.plan.stage import Part, Parts, Planner, Results, Stage
from codata.records.fields import Value
from codata.records.source import Source, SourceFile
from codata.steps import ImportStep, step
from codata.table.types import canonical_schema, schema_to_value

GROUP = 16 * 1024 * 1024
"""Bytes of small files that one task reads at most."""

MEAN_GROUP = 256
"""Files. A group ends with a file whose CID says so, so that a new file regroups only its neighbours."""


@dataclass(frozen=True)
class _Work:
    """What one scan task reads."""

    files: tuple[SourceFile, ...]
    range: tuple[int, int] | None = None


def _group(files: Iterable[SourceFile], ranges: Mapping[CID, list[tuple[int, int]]]) -> list[_Work]:
    """The work over files in order: a task for each range of a big one, and for each group of small ones."""
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


def _read_range(value: Value) -> tuple[int, int]:
    match value:
        case [int(start), int(stop)] if 0 <= start <= stop:
            return start, stop
    raise BadRecord("a list of a file's ranges holds something else")


def _checked(node: Value) -> dict[str, Value]:
    if not isinstance(node, dict) or not isinstance(node.get("whole"), bool) or "types" not in node:
        raise BadRecord("a scan's output does not say which types it found")
    return node


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
        nodes = [_checked(planner.node(r.out["types"].cid)) for r in scans]
        found = [types_record.from_value(n["types"]) for n in nodes]
        declared = params.declared_schema()
        merged = lattice.merge_types(found)
        if not merged.columns:
            raise InputRefused(
                "the input has neither rows nor columns", next_step="add files that hold at least one row"
            )
        schema = canonical_schema(lattice.to_schema(merged, declared))
        again = [
            i
            for i, (node, types) in enumerate(zip(nodes, found, strict=True))
            if types.rows and not (node["whole"] and self._same(types, declared, schema))
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
        big = [f for f in files if f.size > import_ops.RANGE and self.format != "files"]
        raw = params.model_dump() | {"format": self.format}
        tasks = tuple(planner.task("import/split", 1, raw, source=[f.cid]) for f in big)
        results = (yield Stage("import: split big files", tasks)) if tasks else ()
        ranges = {
            f.cid: [_read_range(r) for r in planner.items(receipt.out["out"].cid)]
            for f, receipt in zip(big, results, strict=True)
        }
        return _group(files, ranges)


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
