"""From an order to batches: rows planned in groups, shards opened ahead, groups gathered by a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from codata.feed.gather import Batch, gather
from codata.feed.order import I64
from codata.feed.source import Shards
from codata.feed.state import State

GROUP_BYTES: Final = 8 << 20
GROUP_ROWS: Final = 1 << 14
"""Batches are gathered in groups of at most this much: one take then brings many rows from each shard."""

_LOOK_AHEAD: Final = 8
"""Groups whose shards are being opened before it is their turn, so that a window's first batch waits less."""


class AnyOrder(Protocol):
    """`Order` or `MixOrder`."""

    @property
    def rows(self) -> int:
        """Samples in the epoch."""

    def at(self, positions: I64) -> I64:
        """The rows at these positions."""


class Group(NamedTuple):
    """Batches gathered together: this rank's rows, where each batch ends in them, the state after each."""

    rows: I64
    ends: list[int]
    after: list[State]


class Share(NamedTuple):
    """What one rank takes of each global batch of `batch` samples."""

    batch: int
    rank: int
    world: int
    drop_last: bool

    def stop(self, rows: int, sample: int) -> int:
        """Where the epoch ends for who stands at `sample`: what is left may not fill a last batch."""
        return rows - (rows - sample) % self.batch if self.drop_last else rows

    def of(self, start: int, size: int) -> I64:
        """This rank's positions of the global batch of `size` samples that begins at `start`."""
        low, high = (start + size * rank // self.world for rank in (self.rank, self.rank + 1))
        return np.arange(low, high, dtype=np.int64)


def plan(order: AnyOrder, here: State, share: Share, steps: int) -> Iterator[Group]:
    """The rest of the epoch from `here`, `steps` batches in a group."""
    sample = here.sample_in_epoch
    stop = share.stop(order.rows, sample)
    while sample < stop:
        parts: list[I64] = []
        after: list[State] = []
        while len(parts) < steps and sample < stop:
            size = min(share.batch, stop - sample)
            parts.append(share.of(sample, size))
            sample += size
            after.append(here.next_epoch() if sample == stop else replace(here, sample_in_epoch=sample))
        yield Group(order.at(np.concatenate(parts)), np.cumsum([p.size for p in parts]).tolist(), after)


def run(
    groups: Iterator[Group], shards: Shards, schema: pa.Schema, depth: int
) -> Iterator[tuple[Batch, State]]:
    """The batches, each with the state after it; `depth` groups are gathered ahead; 0: no thread."""
    if depth == 0:
        for group in groups:
            yield from _cut(group, gather(shards, schema, group.rows))
        return
    # One thread: gathering is bound by memory, and a second one slowed it down where it was measured.
    with ThreadPoolExecutor(1, "codata-feed-gather") as pool:
        under_way: deque[tuple[Group, Future[Batch]]] = deque()
        try:
            for group in _warmed(groups, shards):
                under_way.append((group, pool.submit(gather, shards, schema, group.rows)))
                if len(under_way) > depth:
                    done, future = under_way.popleft()
                    yield from _cut(done, future.result())
            for done, future in under_way:
                yield from _cut(done, future.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _warmed(groups: Iterator[Group], shards: Shards) -> Iterator[Group]:
    ahead: deque[Group] = deque()
    for group in groups:
        shards.warm(shards.of_rows(group.rows).tolist())
        ahead.append(group)
        if len(ahead) > _LOOK_AHEAD:
            yield ahead.popleft()
    yield from ahead


def _cut(group: Group, columns: Batch) -> Iterator[tuple[Batch, State]]:
    start = 0
    for end, after in zip(group.ends, group.after, strict=True):
        yield {name: column[start:end] for name, column in columns.items()}, after
        start = end
