"""An in-memory dataset with the members that the feed asks for, and tables to fill it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from cid_store.cid import CID, RAW


class ShardRef(NamedTuple):
    cid: CID
    rows: int
    size: int


class FakeDataset:
    """Shards as Arrow IPC bytes, checked against their CID on first touch as a store does."""

    def __init__(self, tables: Sequence[pa.Table], batch_rows: int = 50) -> None:
        self.files = [bytearray(_ipc(table, batch_rows)) for table in tables]
        self.shards = [
            ShardRef(CID.make(RAW, bytes(data)), table.num_rows, len(data))
            for data, table in zip(self.files, tables, strict=True)
        ]
        self.schema = tables[0].schema
        self.rows = sum(shard.rows for shard in self.shards)
        self.cid = CID.make(RAW, "".join(shard.cid for shard in self.shards).encode())
        self.opened: Counter[int] = Counter()

    def shard_table(self, index: int) -> pa.Table:
        data = self.files[index]
        self.shards[index].cid.check(bytes(data))
        self.opened[index] += 1
        return pa.ipc.open_file(pa.py_buffer(data)).read_all()


def _ipc(table: pa.Table, batch_rows: int) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return out.getvalue()


def numbered(counts: Sequence[int], *, width: int = 4, batch_rows: int = 50, first: int = 0) -> FakeDataset:
    """Shards of these many rows; `id` is the row's number, the other columns follow from it."""
    tables, start = [], first
    for count in counts:
        ids = np.arange(start, start + count, dtype=np.int64)
        tokens = (ids[:, None] * 7 + np.arange(width)).astype(np.uint16)
        tables.append(
            pa.table(
                {
                    "id": ids,
                    "even": ids % 2 == 0,
                    "text": pa.array([f"row {i}" for i in ids], pa.large_string()),
                    "tokens": pa.FixedSizeListArray.from_arrays(pa.array(tokens.reshape(-1)), width),
                }
            )
        )
        start += count
    return FakeDataset(tables, batch_rows)
