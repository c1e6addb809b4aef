"""Mixing datasets by weight, sample by sample, in integers: part of `docs/spec/feed-order.md`.

Rows of a mix are numbered through its datasets in the order given: all that follows sees one long dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cid_store.errors import UsageError
from codata.feed import keyed
from codata.feed.order import I64, MAX_EPOCH, MAX_SEED, SLOTS, SOURCE, Order, block_rows, check_range
from codata.feed.source import FeedDataset
from codata.feed.state import MAX_SOURCES, MAX_WEIGHT, Sources


@dataclass(frozen=True)
class Mix:
    """Datasets with integer weights: of every `sum(weights)` samples, each gives exactly its weight.

    An epoch of a mix has as many samples as its datasets together, rounded up to whole rounds; a dataset that
    ends begins its next pass, in that pass's own order, and goes on from there in the next epoch.
    """

    sources: Sequence[tuple[FeedDataset, int]]

    def __post_init__(self) -> None:
        check_range("the number of datasets in a mix", len(self.sources), 1, MAX_SOURCES + 1)
        for dataset, weight in self.sources:
            check_range("a weight", weight, 1, MAX_WEIGHT)
            if dataset.rows == 0:
                raise UsageError(f"dataset {dataset.cid} is empty: it can't be mixed", cid=dataset.cid)

    @property
    def names(self) -> Sources:
        """What a state names the mix by."""
        return tuple((dataset.cid, weight) for dataset, weight in self.sources)


@dataclass(frozen=True)
class MixOrder:
    """The order of one epoch of a mix: the counterpart of `Order`."""

    counts: tuple[int, ...]
    blocks: tuple[int, ...]
    weights: tuple[int, ...]
    seed: int
    epoch: int
    window: int

    @classmethod
    def of(cls, mix: Mix, seed: int, epoch: int, window: int) -> MixOrder:
        """The order of `mix` in `epoch`."""
        datasets = [dataset for dataset, _ in mix.sources]
        sizes = [sum(shard.size for shard in dataset.shards) for dataset in datasets]
        return cls(
            counts=tuple(dataset.rows for dataset in datasets),
            blocks=tuple(block_rows(d.rows, size) for d, size in zip(datasets, sizes, strict=True)),
            weights=tuple(weight for _, weight in mix.sources),
            seed=seed,
            epoch=epoch,
            window=window,
        )

    @cached_property
    def _round(self) -> int:
        return sum(self.weights)

    @cached_property
    def _rounds(self) -> int:
        return -(-sum(self.counts) // self._round)

    @property
    def rows(self) -> int:
        """Samples of an epoch."""
        return self._rounds * self._round

    def at(self, positions: I64) -> I64:
        """The rows, numbered through all datasets, at these positions of the epoch."""
        places = np.asarray(positions, dtype=np.int64)
        if places.size and (places.min() < 0 or places.max() >= self.rows):
            raise UsageError(f"the epoch has positions 0 to {self.rows - 1}; one asked for lies outside")
        turn, slot = np.divmod(places.reshape(-1), self._round)
        if self.window:
            slot = self._shuffle_slots(turn, slot)
        slot_starts = np.cumsum((0, *self.weights))
        source = np.searchsorted(slot_starts, slot, side="right") - 1
        rows = np.empty_like(slot)
        for i in np.unique(source).tolist():
            mine = np.flatnonzero(source == i)
            counted = turn[mine] * self.weights[i] + (slot[mine] - slot_starts[i])
            rows[mine] = sum(self.counts[:i]) + self._rows_of(i, counted)
        return rows.reshape(places.shape)

    def _shuffle_slots(self, turn: I64, slot: I64) -> I64:
        key = keyed.derive(keyed.derive(self.seed, self.epoch, SLOTS), turn.astype(np.uint64))
        size = np.full(slot.shape, self._round, dtype=np.uint64)
        return keyed.permute(slot.astype(np.uint64), size, key).astype(np.int64)

    def _rows_of(self, source: int, counted: I64) -> I64:
        """Rows of one dataset by how many it gave in this epoch before."""
        before = self.epoch * self._rounds * self.weights[source]
        # Python's integers: the count over all epochs may pass 64 bits, one pass's never does.
        first_pass, first_place = divmod(before, self.counts[source])
        ahead, place = np.divmod(first_place + counted, self.counts[source])
        rows = np.empty_like(place)
        for step in np.unique(ahead).tolist():
            mine = np.flatnonzero(ahead == step)
            rows[mine] = self._pass(source, first_pass + step).at(place[mine])
        return rows

    def _pass(self, source: int, number: int) -> Order:
        seed = int(keyed.derive(self.seed, SOURCE, source)[0]) % MAX_SEED
        return Order(self.counts[source], self.blocks[source], seed, number % MAX_EPOCH, self.window)
