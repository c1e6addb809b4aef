"""The feed: batches in a known order, with an exact position."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from cid_store.errors import UsageError
from codata.feed import pipeline
from codata.feed.errors import BadState, ShardMismatch
from codata.feed.gather import Batch
from codata.feed.mix import Mix, MixOrder
from codata.feed.order import DEFAULT_WINDOW, MAX_WINDOW, Order, block_rows, check_range
from codata.feed.pipeline import GROUP_BYTES, GROUP_ROWS, Share
from codata.feed.source import FeedDataset, Shards
from codata.feed.state import State

if TYPE_CHECKING:
    from codata.feed.pytorch import TorchFeed

_OPENERS: Final = 4
"""Threads that prove and open shards: hashing frees the interpreter."""

_MAX_BATCH: Final = 1 << 31
_MAX_PREFETCH: Final = 64


class Feed:
    """Batches of a dataset, or of a `Mix`, for rank `rank` of `world`; `batch_size` is all ranks' together.

    One iteration yields what is left of an epoch and leaves the feed at the start of the next. Columns of
    numbers, booleans and fixed-size lists of numbers are NumPy arrays of shape (rows, ...), the others Arrow
    arrays. With `shuffle=False`, batches inside one record batch are read-only views. `prefetch` is how many
    groups of batches (about 8 MiB each) a thread gathers ahead; 0 starts no thread. Raises `UsageError` for
    arguments out of range and for a dataset with fewer rows than one batch.
    """

    def __init__(
        self,
        dataset: FeedDataset | Mix,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = True,
        window: int = DEFAULT_WINDOW,
        columns: Sequence[str] | None = None,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
        prefetch: int = 2,
    ) -> None:
        check_range("batch_size", batch_size, 1, _MAX_BATCH)
        check_range("world", world, 1, batch_size + 1)
        check_range("rank", rank, 0, world)
        check_range("prefetch", prefetch, 0, _MAX_PREFETCH + 1)
        check_range("window", window, 1 if shuffle else 0, MAX_WINDOW)
        if batch_size % world:
            raise UsageError(f"a global batch of {batch_size} does not divide evenly among {world} ranks")
        self._mix = dataset if isinstance(dataset, Mix) else None
        self._datasets = [d for d, _ in dataset.sources] if isinstance(dataset, Mix) else [dataset]
        self._schema = _selected(self._datasets, columns)
        self._bytes = sum(_checked_bytes(d) for d in self._datasets)
        self._share = Share(batch_size, rank, world, drop_last)
        self._prefetch = prefetch
        self._state = State(
            dataset=None if isinstance(dataset, Mix) else dataset.cid,
            mix=dataset.names if isinstance(dataset, Mix) else None,
            seed=seed,
            epoch=epoch,
            sample_in_epoch=0,
            window=window if shuffle else 0,
        )
        if len(self) == 0:
            raise UsageError(
                f"{self._order().rows} rows are too few for one batch of {batch_size}",
                next_step="take a smaller batch_size, or drop_last=False",
            )

    def __len__(self) -> int:
        """Batches of a whole epoch, the same on every rank."""
        return -(-self._share.stop(self._order().rows, 0) // self._share.batch)

    def state_dict(self) -> dict[str, object]:
        """The position after the last batch yielded, in JSON's types; the same on every rank."""
        return self._state.to_value()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go to a saved position: its seed, epoch and window replace this feed's. Ranks may differ in number.

        Raises `BadState`, `UnknownSpec` or `WrongDataset`, and leaves the feed where it was.
        """
        loaded = State.from_value(state)
        loaded.expect(self._state.dataset, self._state.mix)
        rows = self._order().rows
        if loaded.sample_in_epoch > rows:
            raise BadState(f"the state is at sample {loaded.sample_in_epoch} of an epoch of {rows}")
        self._state = loaded

    def __iter__(self) -> Iterator[Batch]:
        """The rest of this epoch. Another iteration or a loaded state ends this one with `UsageError`."""
        if self._share.stop(self._order().rows, self._state.sample_in_epoch) == self._state.sample_in_epoch:
            self._state = self._state.next_epoch()
        expected = self._state
        with closing(self._batches()) as batches:
            for batch, after in batches:
                if self._state is not expected:
                    raise UsageError(
                        "the feed moved while it was iterated", next_step="finish or drop one iteration first"
                    )
                self._state = expected = after
                yield batch

    def as_torch(self) -> TorchFeed:
        """This feed as a PyTorch `IterableDataset` of tensors, for `DataLoader(..., batch_size=None)`."""
        from codata.feed.pytorch import TorchFeed

        return TorchFeed(self)

    def _order(self) -> Order | MixOrder:
        at = self._state
        if self._mix is not None:
            return MixOrder.of(self._mix, at.seed, at.epoch, at.window)
        (dataset,) = self._datasets
        return Order(dataset.rows, block_rows(dataset.rows, self._bytes), at.seed, at.epoch, at.window)

    def _batches(self) -> Generator[tuple[Batch, State], None, None]:
        window, columns = self._state.window, self._schema.names
        openers = _OPENERS if self._prefetch else 0
        # For each dataset this window's shards and the next one's, and a few for blocks that straddle two.
        bound = 2 * window * len(self._datasets) + 8
        with closing(Shards(self._datasets, columns, bound, openers)) as shards:
            groups = pipeline.plan(self._order(), self._state, self._share, self._steps())
            yield from pipeline.run(groups, shards, self._schema, self._prefetch)

    def _steps(self) -> int:
        """Batches to gather together: one in dataset order, where batches are views."""
        if self._state.window == 0:
            return 1
        rows = sum(dataset.rows for dataset in self._datasets)
        fitting = min(GROUP_ROWS, GROUP_BYTES * rows // max(self._bytes, 1))
        return max(1, fitting * self._share.world // self._share.batch)


def _checked_bytes(dataset: FeedDataset) -> int:
    """The size of all shards; raises `ShardMismatch` where their rows do not add up to the dataset's."""
    rows = sum(shard.rows for shard in dataset.shards)
    if rows != dataset.rows:
        raise ShardMismatch(
            f"the shards of {dataset.cid} hold {rows} rows; the dataset claims {dataset.rows}",
            cid=dataset.cid,
        )
    return sum(shard.size for shard in dataset.shards)


def _selected(datasets: Sequence[FeedDataset], columns: Sequence[str] | None) -> pa.Schema:
    """The columns to feed; every dataset of a mix must have them, in the same types."""
    first = datasets[0].schema
    names = first.names if columns is None else list(columns)
    if not names or len(set(names)) != len(names):
        raise UsageError("choose at least one column, and each once")
    for dataset in datasets:
        for name in names:
            if name not in dataset.schema.names or name not in first.names:
                raise UsageError(f"dataset {dataset.cid} has no column {name!r}", cid=dataset.cid)
            if dataset.schema.field(name).type != first.field(name).type:
                raise UsageError(f"the mixed datasets differ in the type of column {name!r}", cid=dataset.cid)
    return pa.schema([first.field(name) for name in names])
