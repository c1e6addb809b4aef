"""Pairs of rows that belong together, and the three ways in which they are made fewer.

A row is a number: its part's place in the dataset times 2^32, and its place in the part. So the lesser of two
rows is the one that comes first. An *edge* is a pair of rows a < b; a *star* is edges that share a.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from codata.ops import Context
from codata.plan import exchange as ex
from codata.records.receipt import Output

Rows = NDArray[np.uint64]

_PART: Final = np.uint64(32)
_ROW: Final = np.uint64(0xFFFFFFFF)

A: Final = "a"
B: Final = "b"


def row_numbers(origins: Any, rows: Any) -> Rows:
    """Numbers of rows, by their part's place and their place in it."""
    found: Rows = origins.astype(np.uint64) << _PART | rows.astype(np.uint64)
    return found


def part_of(rows: Rows) -> NDArray[np.uint32]:
    """The place of each row's part."""
    return (rows >> _PART).astype(np.uint32)


def place_of(rows: Rows) -> NDArray[np.uint32]:
    """The place of each row in its part."""
    return (rows & _ROW).astype(np.uint32)


@dataclass(frozen=True)
class Edges:
    """Edges: `a[i]` and `b[i]`, where a is less."""

    a: Rows
    b: Rows

    def table(self) -> pa.Table:
        """As a part of two columns."""
        return pa.table({A: pa.array(self.a), B: pa.array(self.b)})

    @classmethod
    def of(cls, table: pa.Table) -> Edges:
        """Of a part."""
        return cls(table[A].to_numpy(), table[B].to_numpy())

    def distinct(self) -> Edges:
        """Each edge once, in order."""
        order = np.lexsort((self.b, self.a))
        a, b = self.a[order], self.b[order]
        new = np.ones(len(a), np.bool_)
        new[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
        return Edges(a[new], b[new])

    def forest(self) -> Edges:
        """Each component as a star around its first row: at most one edge a row."""
        from codata_jobs.kernels.forest import least

        nodes, places = np.unique(np.concatenate([self.a, self.b]), return_inverse=True)
        count = len(self.a)
        root = least(places[:count], places[count:], len(nodes))
        later = np.flatnonzero(root != np.arange(len(nodes)))
        return Edges(nodes[root[later]], nodes[later])


def groups(rows: Rows, keys: Any, chained: bool) -> Edges:
    """Of rows with one key, each with the first; `chained`: also with the one before it.

    `keys`: 16 bytes each. `rows` of one key must be in order.
    """
    width = keys.type.byte_width
    raw: Any = keys.buffers()[1]
    words = np.frombuffer(raw or b"", "<u8")[keys.offset * width // 8 :][: len(keys) * width // 8]
    high, low = words[::2], words[1::2]
    order = np.lexsort((low, high))
    high, low, rows = high[order], low[order], rows[order]
    new = np.ones(len(rows), np.bool_)
    new[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
    later = np.flatnonzero(~new)
    a, b = rows[first[later]], rows[later]
    if chained:
        a, b = np.concatenate([a, rows[later - 1]]), np.concatenate([b, b])
    return Edges(a, b)


def large_star(nodes: Rows, others: Rows) -> tuple[Edges, int]:
    """Each greater neighbour of a node to the node's least one; how many edges that changes.

    `nodes`, `others`: both directions of all edges of these nodes. Source: Kiveris, Lattanzi, Mirrokni,
    Rastogi, Vassilvitskii, "Connected Components in MapReduce and Beyond", SoCC 2014, as is `small_star`.
    """
    least = _least(nodes, others)
    up = others > nodes
    made = Edges(least[up], others[up])
    return made.distinct(), int(np.count_nonzero(least[up] != nodes[up]))


def small_star(nodes: Rows, others: Rows) -> tuple[Edges, int]:
    """Each lesser neighbour of a node, and the node, to the node's least one; how many edges that changes.

    `nodes`, `others`: all edges of these nodes, with `others` less.
    """
    least = _least(nodes, others)
    moved = others != least
    a, b = np.concatenate([least, least[moved]]), np.concatenate([nodes, others[moved]])
    return Edges(a, b).distinct(), int(np.count_nonzero(moved))


def _least(nodes: Rows, others: Rows) -> Rows:
    """For each edge the least of its node and the node's neighbours."""
    if not len(nodes):
        return nodes
    order = np.argsort(nodes, kind="stable")
    starts = np.flatnonzero(np.diff(nodes[order], prepend=nodes[order][0] ^ np.uint64(1)))
    least = np.minimum.reduceat(np.minimum(others, nodes)[order], starts)
    found = np.empty(len(nodes), np.uint64)
    found[order] = np.repeat(least, np.diff(starts, append=len(nodes)))
    return found


def scattered_by(ctx: Context, rows: pa.Table, nodes: Rows, partitions: int, split: ex.Split) -> Output:
    """Keep `rows` as a partition file, all rows of one node in one partition."""
    mixed = nodes * np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: neighbours fall apart
    return ex.scatter(ctx, rows, ex.spread(mixed, partitions), split)
