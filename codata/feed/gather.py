"""Rows by number into columns: views where rows lie together, else one take per record batch touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from codata.feed.columns import ArrowArray, Column, Dense, dense, dtype_of, inner_shape
from codata.feed.order import I64
from codata.feed.source import Shards

Batch = dict[str, Column]


class Piece(NamedTuple):
    """A part of a batch: rows `take` of one record batch go to the places `put` of the batch."""

    source: pa.RecordBatch
    take: I64
    put: I64


def gather(shards: Shards, schema: pa.Schema, rows: I64) -> Batch:
    """The columns of `schema` at `rows`, in that order. Raises `NullValues`, or what opening raises."""
    if rows.size and bool(np.all(np.diff(rows) == 1)):
        run = _run(shards, int(rows[0]), rows.size)
        if run is not None:
            return {field.name: _view(field, run.column(field.name)) for field in schema}
    pieces = list(_pieces(shards, rows))
    return {field.name: _column(field, pieces, rows.size) for field in schema}


def _run(shards: Shards, start: int, count: int) -> pa.RecordBatch | None:
    """The rows from `start` on as a slice of one record batch, where one holds them all."""
    shard = int(np.searchsorted(shards.starts, start, side="right")) - 1
    offset = start - int(shards.starts[shard])
    for batch in shards.batches(shard):
        if offset < batch.num_rows:
            return batch.slice(offset, count) if offset + count <= batch.num_rows else None
        offset -= batch.num_rows
    return None


def _view(field: pa.Field[Any], array: ArrowArray) -> Column:
    return array if inner_shape(field.type) is None else dense(array, field.name)


def _pieces(shards: Shards, rows: I64) -> Iterator[Piece]:
    put = np.argsort(rows)
    ascending = rows[put]
    for shard in shards.of_rows(ascending).tolist():
        start = int(shards.starts[shard])
        for batch in shards.batches(shard):
            low, high = np.searchsorted(ascending, (start, start + batch.num_rows))
            if low < high:
                yield Piece(batch, ascending[low:high] - start, put[low:high])
            start += batch.num_rows


def _column(field: pa.Field[Any], pieces: list[Piece], count: int) -> Column:
    shape = inner_shape(field.type)
    if shape is None:
        return _arrow(field, pieces)
    out: Dense = np.empty((count, *shape), dtype=dtype_of(field.type))
    for piece in pieces:
        out[piece.put] = dense(piece.source.column(field.name), field.name).take(piece.take, axis=0)
    return out


def _arrow(field: pa.Field[Any], pieces: list[Piece]) -> ArrowArray:
    chunks = [p.source.column(field.name).take(p.take) for p in pieces]
    taken: Any = pa.chunked_array(chunks, type=field.type).combine_chunks()
    back = np.concatenate([np.empty(0, np.int64), *(p.put for p in pieces)])
    ordered: ArrowArray = taken.take(np.argsort(back))
    return ordered
