"""The exchange: rows move from N files to P partitions, through files of bounded number and size.

What global steps meet through. A *partition file* has one record batch per bucket; each row carries the
number of the partition that it goes to. With few files and partitions, bucket and partition are the same, and
a reader of partition p reads batch p of every file. With more than `FAN_IN` files or `BUCKETS` partitions the
exchange goes on like a radix sort: `exchange/merge` takes one bucket of a group of files and splits it by the
next digit of the partition's number, until a partition lies in `FAN_IN` files at most. No task reads more
files than that, and with sizes as planned none holds more than about a part or a partition.

Rows keep their order: within a partition, first by file, then by row. Tasks are named by content, so a row
can't carry the number of the file that it came from; a file that is to be answered carries the column
`origin`, counted from the first file of its group, and each level adds what the position in its input list
says.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import Field

from cid_store.cid import CID
from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan.stage import FAN_IN, Part, Planner, Results, Stage, outputs
from codata.records.receipt import Output

PARTITION_BYTES: Final = 64 * 1024 * 1024
"""What a partition should hold.

Some four shards, so that a task stays within seconds and a small machine's memory.
"""

BUCKETS: Final = 256
"""Batches of a partition file at most: 64 MiB in 256 batches are still read in pieces of 256 KiB."""

MAX_PARTITIONS: Final = 1 << 20

PARTITION: Final = "partition"
ORIGIN: Final = "origin"
ROW: Final = "row"

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Split(Params):
    """One digit of a partition's number: `number // stride % buckets`."""

    buckets: int = Field(ge=1, le=1 << 16)
    stride: int = Field(ge=1)


class Where(Params):
    """Where a partition lies.

    Batch `batch` of each file, and how many origins a file before the last one spans.
    """

    batch: int = Field(ge=0)
    span: int = Field(ge=1)


class MergeParams(Where):
    """What to read, and how to split it."""

    split: Split


@dataclass(frozen=True)
class Layout:
    """How `partitions` are reached: buckets per level.

    A pure function of the counts of partitions and files.
    """

    partitions: int
    buckets: tuple[int, ...]

    @classmethod
    def of(cls, partitions: int, files: int) -> Layout:
        """As many levels as the number of partitions needs, and as it takes to bring `files` down to
        `FAN_IN`.
        """
        buckets = [min(BUCKETS, partitions)]
        while prod(buckets) < partitions:
            buckets.append(min(BUCKETS, -(-partitions // prod(buckets))))
        while FAN_IN ** len(buckets) < files:
            buckets.append(1)
        return cls(partitions, tuple(buckets))

    def stride(self, level: int) -> int:
        """Partitions in one bucket of this level."""
        return prod(self.buckets[level + 1 :])

    def split(self, level: int = 0) -> Split:
        """How files of this level are split. That of level 0 does not depend on the number of files."""
        return Split(buckets=self.buckets[level], stride=self.stride(level))


@dataclass(frozen=True)
class Slice:
    """One partition: the files that hold it, in order, and where in them."""

    files: tuple[CID, ...]
    where: Where


def partitions(size: int) -> int:
    """How many partitions `size` bytes need."""
    return max(1, min(MAX_PARTITIONS, -(-size // PARTITION_BYTES)))


def spread(hashes: Numbers, count: int) -> Numbers:
    """A partition number below `count` for each 64-bit hash, in the order of the hashes.

    `(hash >> 32) * count >> 32`.
    """
    return ((hashes >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.uint32)


def scatter(ctx: Context, rows: pa.Table, numbers: Numbers, split: Split) -> Output:
    """Keep `rows` as a partition file; `numbers` says to which partition each goes.

    The order within a bucket stays.
    """
    digits = _digits(numbers, split)
    order = np.argsort(digits, kind="stable")
    bounds = np.searchsorted(digits[order], np.arange(split.buckets + 1))
    if PARTITION in rows.column_names:
        rows = rows.drop_columns([PARTITION])
    rows = rows.add_column(0, PARTITION, pa.array(numbers.astype(np.uint32)))
    rows = taken(rows.combine_chunks(), order)
    buckets = (rows.slice(a, b - a) for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    return ctx.put_batches(rows.schema, (as_batch(bucket) for bucket in buckets))


def bucket_order(numbers: Numbers, split: Split) -> Numbers:
    """The row of `scatter`'s input that each row of its file is, counted over all batches."""
    return np.argsort(_digits(numbers, split), kind="stable")


def _digits(numbers: Numbers, split: Split) -> Numbers:
    return (numbers // np.uint32(split.stride) % np.uint32(split.buckets)).astype(np.uint16)


def taken(table: pa.Table, order: Numbers, without: Any = None) -> pa.Table:
    """The rows of these numbers, in this order; nulls where the mask `without` is true."""
    rows: Any = pa.array(order, mask=without)
    return table.take(rows)


def as_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as one batch, also where it has no rows."""
    return pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in table.columns], schema=table.schema
    )


def gather(ctx: Context, files: Sequence[CID], where: Where) -> pa.Table:
    """The rows of a partition in order; `origin` counts from the first of `files`."""
    return pa.Table.from_batches(
        [_based(ctx.batch(cid, where.batch), i * where.span) for i, cid in enumerate(files)]
    )


def _based(batch: pa.RecordBatch, base: int) -> pa.RecordBatch:
    at = batch.schema.get_field_index(ORIGIN)
    if at < 0 or not base:
        return batch
    return batch.set_column(at, ORIGIN, pa.array(batch.column(at).to_numpy() + np.uint32(base)))


@op("exchange/merge", version=1, params=MergeParams)
def merge(ctx: Context, params: MergeParams, inputs: Inputs) -> Outputs:
    """One bucket of a group of files, split by the next digit."""
    rows = gather(ctx, inputs["files"], params)
    return {"out": scatter(ctx, rows, rows[PARTITION].to_numpy(), params.split)}


# Without the number of the partition.
@op(
    "exchange/answer",
    version=1,
    params=Where,
    gives=lambda params, taken: Bulk(taken.rows, max(0, taken.row_bytes - 4)),
)
def answer(ctx: Context, params: Where, inputs: Inputs) -> Outputs:
    """What all partitions answered to one part: a table of its own, in the order of the part's rows."""
    rows = gather(ctx, inputs["files"], params).drop_columns([PARTITION])
    order = np.argsort(rows[ROW].to_numpy(), kind="stable")
    return {"out": ctx.put_table(taken(rows.combine_chunks(), order))}


def exchange(
    planner: Planner, name: str, files: Sequence[CID], layout: Layout
) -> Generator[Stage, Results, tuple[Slice, ...]]:
    """From partition files of level 0 to the slices of every partition, by as many merges as `layout`
    says.
    """
    held = [tuple(files)]
    span = 1
    for level in range(1, len(layout.buckets)):
        tasks, counts = [], []
        for found, batch in _buckets(held, layout, level - 1):
            params = MergeParams(batch=batch, span=span, split=layout.split(level))
            groups = [found[i : i + FAN_IN] for i in range(0, len(found), FAN_IN)]
            tasks += [planner.task("exchange/merge", 1, params, files=group) for group in groups]
            counts.append(len(groups))
        made = outputs((yield Stage(f"{name}: merge", tuple(tasks))))
        held = [tuple(next(made).cid for _ in range(count)) for count in counts]
        span *= FAN_IN
    last = len(layout.buckets) - 1
    return tuple(Slice(found, Where(batch=batch, span=span)) for found, batch in _buckets(held, layout, last))


def _buckets(
    held: Sequence[tuple[CID, ...]], layout: Layout, level: int
) -> Generator[tuple[tuple[CID, ...], int], None, None]:
    """Each bucket of a level that has partitions: its files and its batch in them."""
    for i, found in enumerate(held):
        for batch in range(layout.buckets[level]):
            if (i * layout.buckets[level] + batch) * layout.stride(level) < layout.partitions:
                yield found, batch


def answers(
    planner: Planner, name: str, files: Sequence[CID], parts: int
) -> Generator[Stage, Results, tuple[Part, ...]]:
    """From files whose partitions are the numbers of parts to one table of answers for each part."""
    slices = yield from exchange(planner, name, files, Layout.of(parts, len(files)))
    tasks = tuple(planner.task("exchange/answer", 1, s.where, files=s.files) for s in slices)
    results = yield Stage(f"{name}: answer", tasks)
    return tuple(Part.of(output) for output in outputs(results))
