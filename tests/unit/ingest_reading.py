"""Read bytes as an import does: split, scan, merge, and read again what the merged types change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from codata.ingest import by_name
from codata.ingest.base import TARGET, Memory, Options
from codata.ingest.types import merge_types, to_schema
from codata.ingest.types_record import from_value, to_value


def ingest(
    format: str, *files: bytes, target: int = TARGET, options: Sequence[Options] | None = None
) -> pa.Table:
    """The table of some files, after checking that every stretch reads the same both ways."""
    module = by_name(format)
    chosen = options or [Options(f"file{i}") for i in range(len(files))]
    work = [
        (Memory(data), range_, one)
        for data, one in zip(files, chosen, strict=True)
        for range_ in module.split(Memory(data), one, target)
    ]
    scans = [list(module.scan(*item)) for item in work]
    types = merge_types(scan.types for group in scans for scan in group)
    assert from_value(to_value(types)) == types
    schema = to_schema(types, chosen[0].declared)
    tables = [schema.empty_table()]
    for item, group in zip(work, scans, strict=True):
        again = list(module.read(item[0], item[1], schema, item[2]))
        assert [t.num_rows for t in again] == [s.table.num_rows for s in group]
        for scan, table in zip(group, again, strict=True):
            assert table.schema == schema
            if scan.table.schema == schema:
                assert repr(scan.table.to_pylist()) == repr(table.to_pylist())
        tables += again
    table = pa.concat_tables(tables)
    table.validate(full=True)
    return table


def rows(format: str, *files: bytes, **options: Any) -> list[dict[str, Any]]:
    """The rows of some files."""
    found: list[dict[str, Any]] = ingest(format, *files, **options).to_pylist()
    return found


def types(format: str, *files: bytes, **options: Any) -> dict[str, str]:
    """The type of each column."""
    return {f.name: str(f.type) for f in ingest(format, *files, **options).schema}


def declared(**columns: pa.DataType) -> list[Options]:
    """Options for one file with declared columns."""
    return [Options("file0", pa.schema(columns))]
