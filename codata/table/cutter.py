"""Where shards begin: a pure function of schema and rows. Specified in `docs/spec/cutter.md`.

Parts report their candidate rows (`candidates`, in parallel); a small function picks the cuts over all of
them (`choose`), the same ones however the rows were divided into parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from codata.table.buffers import Indices, Mask
from codata.table.canonical import Rows, canonical_blocks
from codata.table.rows import Words, row_hashes, row_sizes

MIB: Final = 1 << 20
LEAST: Final = 4 * MIB
NORMAL: Final = 16 * MIB
GREATEST: Final = 48 * MIB
STRICT: Final = 24 * MIB
"""Logical bytes from one strict candidate to the next, on average."""
RELAXED: Final = 4 * MIB
"""Likewise for relaxed candidates. Every strict candidate is a relaxed one too."""

Sizes: TypeAlias = Callable[[int], Indices]
"""From a part's index to the logical bytes of each of its rows; asked only where a cut is forced."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The relaxed candidates of one part, in order of rows."""

    rows: Indices
    """Row numbers in the part."""
    ends: Indices
    """Logical bytes from the part's start up to and with that row."""
    strict: Mask
    total_rows: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows `start` to `end` (without) of a part."""

    part: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """One shard: the segments that make it up, never empty, and its size in rows and in logical bytes."""

    segments: tuple[Segment, ...]
    rows: int
    bytes: int


def candidates(table: Rows) -> Candidates:
    """The candidates of a part; raises what `canonical_table` raises."""
    rows, ends, strict = [], [], []
    row, end = 0, 0
    for block in canonical_blocks(table):
        sizes, hashes = row_sizes(block), row_hashes(block)
        relaxed = np.flatnonzero(_is_candidate(hashes, sizes, RELAXED))
        rows.append(relaxed + row)
        ends.append(np.cumsum(sizes)[relaxed] + end)
        strict.append(_is_candidate(hashes[relaxed], sizes[relaxed], STRICT))
        row, end = row + block.num_rows, end + int(sizes.sum())
    return Candidates(
        _joined(rows, np.int64), _joined(ends, np.int64), _joined(strict, np.bool_), table.num_rows, end
    )


def part_sizes(table: pa.Table) -> Indices:
    """The logical bytes of each row: what `choose` asks for where a cut is forced."""
    found: Indices = _joined([row_sizes(block) for block in canonical_blocks(table)], np.int64)
    return found


def cuts(table: pa.Table) -> list[Cut]:
    """The shards of a whole table in memory."""
    return choose([candidates(table)], lambda _: part_sizes(table))


def choose(parts: Sequence[Candidates], sizes: Sizes) -> list[Cut]:
    """The shards of the rows of `parts`, one after another. No rows give no shards."""
    return _Chooser(parts, sizes).run()


def _is_candidate(hashes: Words, sizes: Indices, mean: int) -> Mask:
    # Both sides stay below 2**57: sizes beyond `mean` are certain candidates, and no larger number is needed.
    high = hashes >> np.uint64(32)
    return high * np.uint64(mean) < np.minimum(sizes, mean).astype(np.uint64) << np.uint64(32)


def _joined(arrays: list[Any], kind: type) -> Any:
    return np.concatenate(arrays) if arrays else np.zeros(0, kind)


class _Chooser:
    """Walks the candidates of all parts in one numbering of rows and bytes."""

    def __init__(self, parts: Sequence[Candidates], sizes: Sizes) -> None:
        self.sizes = sizes
        self.row_starts = np.cumsum([0, *(p.total_rows for p in parts)])
        self.byte_starts = np.cumsum([0, *(p.total_bytes for p in parts)])
        self.rows = _joined([p.rows + at for p, at in zip(parts, self.row_starts, strict=False)], np.int64)
        self.ends = _joined([p.ends + at for p, at in zip(parts, self.byte_starts, strict=False)], np.int64)
        self.strict = _joined([p.strict for p in parts], np.bool_)
        self.cached: tuple[int, Indices] = (-1, np.zeros(0, np.int64))

    def run(self) -> list[Cut]:
        found = []
        row, end = 0, 0
        while row < self.row_starts[-1]:
            next_row, next_end = self._next(row, end)
            found.append(Cut(self._segments(row, next_row), next_row - row, next_end - end))
            row, end = next_row, next_end
        return found

    def _next(self, row: int, start: int) -> tuple[int, int]:
        """The row and byte at which the shard that begins at `row` and byte `start` ends."""
        at = int(np.searchsorted(self.ends, start + LEAST))
        for i in range(at, len(self.ends)):
            size = int(self.ends[i]) - start
            if size > GREATEST and int(self.rows[i]) > row:
                return self._forced(start)
            if self.strict[i] or size >= NORMAL:
                return int(self.rows[i]) + 1, int(self.ends[i])
        if int(self.byte_starts[-1]) - start > GREATEST:
            return self._forced(start)
        return int(self.row_starts[-1]), int(self.byte_starts[-1])

    def _forced(self, start: int) -> tuple[int, int]:
        """After the last row that still fits into the greatest size."""
        limit = start + GREATEST
        part = int(np.searchsorted(self.byte_starts, limit, side="right")) - 1
        if self.cached[0] != part:
            self.cached = (part, np.cumsum(self.sizes(part)))
        ends = self.cached[1]
        base = int(self.byte_starts[part])
        fitting = int(np.searchsorted(ends, limit - base, side="right"))
        return int(self.row_starts[part]) + fitting, base + (int(ends[fitting - 1]) if fitting else 0)

    def _segments(self, row: int, end: int) -> tuple[Segment, ...]:
        found = []
        part = int(np.searchsorted(self.row_starts, row, side="right")) - 1
        while row < end:
            base, stop = int(self.row_starts[part]), min(int(self.row_starts[part + 1]), end)
            if row < stop:
                found.append(Segment(part, row - base, stop - base))
            row, part = stop, part + 1
        return tuple(found)
