"""What histograms say, in numbers and as bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import pyarrow as pa

from codata_jobs.stats_bins import SCHEMA

QUANTILES: Final = (10, 50, 90, 99)
"""Percent of values; of each the greatest number of its bin is given."""


@dataclass(frozen=True)
class Bar:
    """`label`, and how many rows."""

    label: str
    count: int


@dataclass(frozen=True)
class Chart:
    """Bars under a heading, in the order to draw them.

    `note`: what is to be said beside; `scale`: the count that the longest possible bar stands for.
    """

    title: str
    note: str
    bars: tuple[Bar, ...]
    scale: int


@dataclass(frozen=True)
class Bin:
    """`count` values from `low` to `high`, both taken in."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class Summary:
    """One measure of one column."""

    column: str
    measure: str
    count: int
    total: int
    bins: tuple[Bin, ...]

    @property
    def mean(self) -> float:
        """The exact mean, rounded once; 0 for no values."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, percent: int) -> int:
        """The greatest number of the bin that holds the value below or at which `percent` of them are."""
        passed = 0
        for found in self.bins:
            passed += found.count
            if passed * 100 >= percent * self.count:
                return found.high
        return 0

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "column": self.column,
            "measure": self.measure,
            "count": self.count,
            "total": self.total,
            "mean": self.mean,
            "quantiles": {f"p{q}": self.quantile(q) for q in QUANTILES},
            "bins": [[b.low, b.high, b.count] for b in self.bins],
        }


def is_stats(schema: pa.Schema) -> bool:
    """Whether a dataset is what the step `stats` gives."""
    return schema.equals(SCHEMA)


def summaries(table: pa.Table) -> list[Summary]:
    """The measures of a table of bins, in order."""
    found = []
    for (column, measure), rows in groupby(table.to_pylist(), key=lambda r: (r["column"], r["measure"])):
        bins = list(rows)
        count, total = sum(b["count"] for b in bins), sum(int(b["total"]) for b in bins)
        each = tuple(Bin(b["low"], b["high"], b["count"]) for b in bins)
        found.append(Summary(column, measure, count, total, each))
    return found


def charts(found: list[Summary]) -> list[Chart]:
    """One chart for each measure but `null`, whose numbers stand beside the others."""
    nulls = {s.column: s.total for s in found if s.measure == "null"}
    return [_chart(s, nulls.get(s.column, 0)) for s in found if s.measure != "null"]


def _chart(found: Summary, nulls: int) -> Chart:
    numbers = ", ".join(f"p{q} {found.quantile(q):,}" for q in QUANTILES)
    note = f"{found.count:,} values, {nulls:,} null, mean {found.mean:,.1f}, {numbers}"
    bars = tuple(Bar(_label(low, high), count) for low, high, count in _octaves(found.bins))
    return Chart(f"{found.column}: {found.measure}", note, bars, max(bar.count for bar in bars))


def _octaves(bins: tuple[Bin, ...]) -> Iterator[tuple[int, int, int]]:
    """Bins of the same octave as one, and octaves between that are empty."""
    last: tuple[int, int] | None = None
    for (low, high), group in groupby(bins, key=lambda b: _octave(b.low if b.low >= 0 else b.high)):
        count = sum(b.count for b in group)
        while last is not None and last[1] + 1 < low:
            last = _octave(last[1] + 1)
            if last[0] < low:
                yield *last, 0
        yield low, high, count
        last = (low, high)


def _octave(value: int) -> tuple[int, int]:
    if value < 0:
        low, high = _octave(-value)
        return -high, -low
    least = 1 << value.bit_length() - 1 if value else 0
    return least, max(0, 2 * least - 1)


def _label(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def dropped_charts(counts: list[tuple[str, str, int]]) -> list[Chart]:
    """One chart for each step that dropped rows, all to one scale: rows for each reason, the most first."""
    found = []
    most = max((count for _, _, count in counts), default=0)
    for step, rows in groupby(counts, key=lambda row: row[0]):
        reasons = sorted(((reason, count) for _, reason, count in rows), key=lambda r: (-r[1], r[0]))
        total = sum(count for _, count in reasons)
        found.append(Chart(step, f"{total:,} rows dropped", tuple(Bar(*reason) for reason in reasons), most))
    return found
