"""The order of an epoch: a pure function from positions to rows, specified in `docs/spec/feed-order.md`.

Rows are cut into blocks of consecutive rows; the blocks are permuted; then every window, so many blocks next
to each other in that permutation, is permuted row by row. A batch so draws from a whole window, while an
epoch's first part touches few blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cid_store.errors import UsageError
from codata.feed import keyed
from codata.feed.keyed import U64

I64 = NDArray[np.int64]

BLOCKS: Final = 1
ROWS: Final = 2
SLOTS: Final = 3
SOURCE: Final = 1 << 32
"""Purposes, absorbed into a key so that no two permutations share one. `SOURCE` takes an epoch's place."""

DEFAULT_WINDOW: Final = 64
MAX_WINDOW: Final = 1 << 16
MAX_SEED: Final = 1 << 53  # JSON readers keep integers exactly up to here
MAX_EPOCH: Final = 1 << 32

_TARGET_BLOCKS: Final = 4096
_LEAST_BYTES, _MOST_BYTES = 1 << 16, 1 << 20
_MAX_BLOCK_ROWS: Final = 1 << 16


def block_rows(rows: int, size: int) -> int:
    """Rows per block of a dataset of `rows` rows in `size` bytes: a power of two.

    A block holds about 1/4096 of the dataset, so that a window of 64 is 1.6% of it, but no fewer than 64 KiB
    (below, reading gets slower) and no more than 1 MiB (a leaf on disk and on the wire).
    """
    target = min(max(size // _TARGET_BLOCKS, _LEAST_BYTES), _MOST_BYTES)
    fitting = min(max(target * rows // max(size, 1), 1), _MAX_BLOCK_ROWS)
    return 1 << (fitting.bit_length() - 1)


@dataclass(frozen=True)
class Order:
    """The order of `rows` rows in blocks of `block`, `window` blocks at a time; window 0 keeps dataset order.

    Constant memory, no set-up, random access. Raises `UsageError` where a number is out of its range.
    """

    rows: int
    block: int
    seed: int = 0
    epoch: int = 0
    window: int = DEFAULT_WINDOW

    def __post_init__(self) -> None:
        check_range("rows", self.rows, 0, keyed.MAX_SIZE)
        check_range("block", self.block, 1, keyed.MAX_SIZE)
        check_range("seed", self.seed, 0, MAX_SEED)
        check_range("epoch", self.epoch, 0, MAX_EPOCH)
        check_range("window", self.window, 0, MAX_WINDOW)

    @property
    def blocks(self) -> int:
        """How many whole blocks; the rows after them are the tail."""
        return self.rows // self.block

    @cached_property
    def _last_window(self) -> int:
        # What is left over joins the last window: a small one at an epoch's end would give one-sided batches.
        return max(self.blocks // self.window, 1) - 1

    @cached_property
    def _keys(self) -> tuple[U64, U64]:
        epoch = keyed.derive(self.seed, self.epoch)
        return keyed.derive(epoch, BLOCKS), keyed.derive(epoch, ROWS)

    def at(self, positions: I64) -> I64:
        """The rows at these positions, shape kept; raises `UsageError` for a position outside the epoch."""
        places = np.asarray(positions, dtype=np.int64)
        if places.size and (places.min() < 0 or places.max() >= self.rows):
            raise UsageError(f"the epoch has positions 0 to {self.rows - 1}; one asked for lies outside")
        if self.window == 0 or places.size == 0:
            return places.copy()
        flat = self._shuffled(places.reshape(-1))
        return flat.reshape(places.shape)

    def _shuffled(self, places: I64) -> I64:
        span = self.window * self.block
        window = np.minimum(places // span, self._last_window)
        start = window * span
        size = np.where(window == self._last_window, self.rows - start, span)
        key = keyed.derive(self._keys[1], window.astype(np.uint64))
        # Among the permuted blocks, followed by the tail, which stays behind them.
        row = start + keyed.permute(_u64(places - start), _u64(size), key).astype(np.int64)
        whole = np.flatnonzero(row < self.blocks * self.block)
        place, offset = np.divmod(row[whole], self.block)
        row[whole] = self._block_at(place) * self.block + offset
        return row

    def _block_at(self, places: I64) -> I64:
        count = np.full(places.shape, self.blocks, dtype=np.uint64)
        key = np.broadcast_to(self._keys[0], places.shape)
        return keyed.permute(_u64(places), count, key).astype(np.int64)


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise `UsageError` unless `value` is an integer with low <= value < high."""
    if type(value) is not int or not low <= value < high:
        raise UsageError(f"{name} must be an integer from {low} to {high - 1}, not {value!r}")


def _u64(values: I64) -> U64:
    return values.astype(np.uint64)
