"""How rows lead back from an import to a file and a place in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from codata import ingest
from codata.ingest.base import Spot
from codata.ops import Context, Inputs, Origin, Traced
from codata.plan.import_ops import FileRange, PartCutter, ReadParams, ScanParams, ranges, read, scan
from codata.table.types import schema_from_value


@dataclass(frozen=True)
class _Stretch:
    """A table that a format gave: where its rows begin among those of the task, and where it came from."""

    first: int
    file: FileRange
    number: int
    before: int


@read.traced
@scan.traced
def _import(
    ctx: Context, params: ScanParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    parts = PartCutter(lambda table: table.num_rows)
    stretches = list(_stretches(ctx, params, inputs, parts))
    counts = parts.end() or {}
    start = sum(counts[str(k)] for k in range(int(output)))
    firsts = [s.first for s in stretches]
    # Of stretches that begin at one row all but the last are empty.
    spots: dict[int, list[int]] = {}
    for row in rows:
        spots.setdefault(bisect_right(firsts, start + row) - 1, []).append(start + row)
    format_ = ingest.by_name(params.format)
    places: dict[int, Origin] = {}
    for at, found in spots.items():
        s = stretches[at]
        spot = Spot(s.number, s.before, [row - s.first for row in found])
        numbers = format_.places(s.file.source, s.file.range, spot, params.options(s.file.name))
        places |= {
            row: Origin("source", s.file.at, n, format_.unit) for row, n in zip(found, numbers, strict=True)
        }
    return [Traced((places[start + row],), ((f"import.{params.format}", "read"),)) for row in rows]


def _stretches(
    ctx: Context, params: ScanParams, inputs: Inputs, parts: PartCutter[int]
) -> Iterator[_Stretch]:
    """What the task read, in order; `parts` is given the tables."""
    first = 0
    for file in ranges(ctx, params, inputs["source"]):
        begin = first
        for number, table in enumerate(_tables(params, file)):
            parts.add(table)
            yield _Stretch(first, file, number, first - begin)
            first += table.num_rows


def _tables(params: ScanParams, file: FileRange) -> Iterator[pa.Table]:
    format_, options = ingest.by_name(params.format), params.options(file.name)
    if isinstance(params, ReadParams):
        return format_.read(file.source, file.range, schema_from_value(params.columns), options)
    return (found.table for found in format_.scan(file.source, file.range, options))
