"""Samples a second of the feed on packed tokens, beside a gather from one array and a copy of memory.

Writes its data (rows * length * 2 bytes) to a temporary folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cid_store.cid import CID, RAW
from codata.feed import Feed, Order

SHARD_BYTES = 16 << 20


class ShardRef(NamedTuple):
    """A shard as a manifest lists it."""

    cid: CID
    rows: int
    size: int


class MappedShards:
    """Arrow files in a folder, proven on first touch as a store proves them."""

    def __init__(self, folder: Path, rows: int, length: int) -> None:
        per_shard = max(1, SHARD_BYTES // (2 * length))
        self.schema = pa.schema([("tokens", pa.list_(pa.uint16(), length))])
        self.rows = rows
        self.paths: list[Path] = []
        self.shards: list[ShardRef] = []
        random = np.random.default_rng(0)
        for start in range(0, rows, per_shard):
            count = min(per_shard, rows - start)
            values = pa.array(random.integers(0, 50_000, count * length, dtype=np.uint16))
            path = folder / f"{start}.arrow"
            with pa.ipc.new_file(str(path), self.schema) as writer:
                writer.write(
                    pa.record_batch([pa.FixedSizeListArray.from_arrays(values, length)], schema=self.schema)
                )
            data = path.read_bytes()
            self.paths.append(path)
            self.shards.append(ShardRef(CID.make(RAW, data), count, len(data)))
        self.cid = self.shards[0].cid
        self.proven: set[int] = set()

    def shard_table(self, index: int) -> pa.Table:
        """Map a shard; hash it the first time."""
        mapped = pa.memory_map(str(self.paths[index]))
        if index not in self.proven:
            self.shards[index].cid.check(memoryview(mapped.read_buffer()))
            self.proven.add(index)
            mapped.seek(0)
        return pa.ipc.open_file(mapped).read_all()


def timed(rows: int, row_bytes: int, label: str, run: Callable[[], object]) -> None:
    """Print what one run of `run`, over `rows` rows, makes a second."""
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    print(f"{label:42} {rows / seconds:12,.0f} samples/s {rows * row_bytes / seconds / 1e9:7.2f} GB/s")


def spread(rows: int, block: int, batch: int) -> None:
    """Print how many of 64 shards a batch touches, and which part of the blocks the first 1%."""
    for window in (64, 256):
        order = Order(rows, block, seed=1, window=window).at(np.arange(rows))
        batches = order[: rows // batch * batch].reshape(-1, batch) * 64 // rows
        shards = np.mean([np.unique(b).size for b in batches])
        blocks = np.unique(order[: rows // 100] // block).size * block / rows
        print(f"window {window:3}: a batch of {batch} touches {shards:.1f} of 64 shards, ", end="")
        print(f"the first 1% {blocks:.1%} of the blocks")


def set_up() -> None:
    """Print what an order costs."""
    start = time.perf_counter()
    order = Order(30_000_000, 256, seed=1)
    order.at(np.arange(8192))
    first = time.perf_counter()
    for i in range(1, 101):
        order.at(np.arange(i * 8192, (i + 1) * 8192))
    each = (time.perf_counter() - first) / 819_200
    print(
        f"order of 3e7 rows: first 8192 after {(first - start) * 1e3:.1f} ms, then {each * 1e9:.0f} ns a row"
    )


def drain(batches: Iterable[object]) -> None:
    """Take all and keep none."""
    for _ in batches:
        pass


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=65_536, help="default 65536")
    parser.add_argument("--length", type=int, default=2049, help="tokens in a row; default 2049")
    parser.add_argument("--batch", type=int, default=256, help="rows; default 256")
    args = parser.parse_args(arguments)
    set_up()
    spread(args.rows, 16, args.batch)
    with tempfile.TemporaryDirectory() as folder:
        measure(MappedShards(Path(folder), args.rows, args.length), args.length, args.batch)


def measure(dataset: MappedShards, length: int, batch: int) -> None:
    """Print one line for each way to read the dataset."""
    show = partial(timed, dataset.rows, 2 * length)
    tables = [dataset.shard_table(i) for i in range(len(dataset.shards))]
    plain = np.concatenate([pc.list_flatten(t["tokens"]).to_numpy() for t in tables]).reshape(-1, length)
    target = np.zeros_like(plain)
    rows = Order(dataset.rows, 16, seed=1).at(np.arange(dataset.rows))
    cuts = range(0, dataset.rows, batch)
    dataset.proven.clear()

    feed = Feed(dataset, batch_size=batch, seed=1)
    show("copy of memory", lambda: np.copyto(target, plain))
    show(
        "take from one array, batch by batch", lambda: drain(plain.take(rows[i : i + batch], 0) for i in cuts)
    )
    show("feed, first epoch: hashes every shard", lambda: drain(feed))
    show("feed, second epoch", lambda: drain(feed))
    show("feed, no threads", lambda: drain(Feed(dataset, batch_size=batch, prefetch=0)))
    show("feed, dataset order", lambda: drain(Feed(dataset, batch_size=batch, shuffle=False)))
    alone = Feed(dataset, batch_size=batch, shuffle=False, prefetch=0)
    show("feed, dataset order, no threads", lambda: drain(alone))
