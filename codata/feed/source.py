"""Shards at hand: which are open, opened ahead by threads, never more than a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import pyarrow as pa

from cid_store.cid import CID
from codata.feed.errors import ShardMismatch
from codata.feed.order import I64


class ShardLike(Protocol):
    """What the feed asks of a shard's entry in a manifest."""

    @property
    def cid(self) -> CID:
        """The shard's CID."""

    @property
    def rows(self) -> int:
        """Rows in the shard."""

    @property
    def size(self) -> int:
        """Logical bytes of the shard."""


class FeedDataset(Protocol):
    """What the feed asks of a dataset."""

    @property
    def cid(self) -> CID:
        """The manifest's CID."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of every shard."""

    @property
    def rows(self) -> int:
        """Rows in all shards."""

    @property
    def shards(self) -> Sequence[ShardLike]:
        """The shards in order; none is empty."""

    def shard_table(self, index: int) -> pa.Table:
        """Shard `index`, zero-copy where the store is local, proven on first touch in this process.

        Called from several threads. Raises `CorruptBlock` or `BlockNotFound`, naming the block.
        """


class Shards:
    """The shards of one dataset, or of several end to end, as lists of record batches; at most
    `bound` are kept open.

    A shard that failed to open is asked for again the next time: someone may have repaired it.
    """

    def __init__(
        self, datasets: Sequence[FeedDataset], columns: Sequence[str], bound: int, threads: int
    ) -> None:
        self._datasets = datasets
        self._columns = list(columns)
        self._bound = bound
        self._where = [(d, i) for d in datasets for i in range(len(d.shards))]
        counts = [shard.rows for dataset in datasets for shard in dataset.shards]
        self.starts: I64 = np.cumsum([0, *counts], dtype=np.int64)
        """Row at which each shard begins; the last entry is the number of rows."""
        self._open: OrderedDict[int, Future[list[pa.RecordBatch]]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, "codata-feed-open") if threads else None

    def of_rows(self, rows: I64) -> I64:
        """Which shards these rows lie in, each once, ascending."""
        return np.unique(np.searchsorted(self.starts, rows, side="right") - 1)

    def warm(self, indices: Iterable[int]) -> None:
        """Begin to open these shards, as far as the bound allows; errors wait for `batches`."""
        if self._pool is None:
            return
        for index in list(indices)[: self._bound]:
            future, is_new = self._claim(index)
            if is_new:
                self._pool.submit(self._fill, index, future)

    def batches(self, index: int) -> list[pa.RecordBatch]:
        """The record batches of shard `index`, opened here unless a thread is at it."""
        future, is_new = self._claim(index)
        if is_new:
            self._fill(index, future)
        return future.result()

    def close(self) -> None:
        """Stop opening ahead and let go of what is open."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._open.clear()

    def _claim(self, index: int) -> tuple[Future[list[pa.RecordBatch]], bool]:
        with self._lock:
            if index in self._open:
                self._open.move_to_end(index)
                return self._open[index], False
            future: Future[list[pa.RecordBatch]] = Future()
            self._open[index] = future
            while len(self._open) > self._bound:
                self._open.popitem(last=False)
            return future, True

    def _fill(self, index: int, future: Future[list[pa.RecordBatch]]) -> None:
        try:
            future.set_result(self._load(index))
        except BaseException as e:  # noqa: BLE001 - whoever waits gets it, whatever it is
            with self._lock:
                if self._open.get(index) is future:
                    del self._open[index]
            future.set_exception(e)

    def _load(self, index: int) -> list[pa.RecordBatch]:
        dataset, number = self._where[index]
        shard = dataset.shards[number]
        table = dataset.shard_table(number)
        if table.num_rows != shard.rows:
            raise ShardMismatch(
                f"shard {shard.cid} holds {table.num_rows} rows; its manifest says {shard.rows}",
                cid=shard.cid,
            )
        for name in self._columns:
            wanted, found = dataset.schema.field(name).type, table.schema
            if name not in found.names or found.field(name).type != wanted:
                raise ShardMismatch(f"shard {shard.cid} has no column {name!r} of {wanted}", cid=shard.cid)
        return [batch for batch in table.select(self._columns).to_batches() if batch.num_rows]
