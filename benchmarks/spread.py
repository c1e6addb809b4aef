"""A dataset whose shards are dealt out over several stores, and a job over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.json

from benchmarks.inputs import rows
from cid_store import Block, Store, open_store
from cid_store.cid import CID
from codata import jobs
from codata.execute.needs import blocks_of
from codata.home import Home
from codata.records import pages
from codata.records.job import Job
from codata.records.manifest import Manifest
from tests.spread import put_dataset

JOB: Final = "text.normalize, text.length_filter, dedup.exact"

_STEPS: Final = [
    {"text.normalize": {"column": "text"}},
    {"text.length_filter": {"column": "text", "min": 20}},
    {"dedup.exact": {"on": ["text"]}},
]


@dataclass(frozen=True)
class Dealt:
    """The dataset in a store at `whole`."""

    whole: Path
    dataset: CID
    shards: tuple[CID, ...]

    def to(self, stores: Sequence[Path]) -> None:
        """Every so-manieth shard to each store."""
        with open_store(str(self.whole)) as source:
            for at, path in enumerate(stores):
                with open_store(str(path)) as store:
                    for cid in self.shards[at :: len(stores)]:
                        store.put_many(blocks_of(source, cid))

    def known(self, store: Store) -> None:
        """To a store what the dataset is, without its shards."""
        with open_store(str(self.whole)) as source:
            store.put_many(self._records(source))

    def _records(self, source: Store) -> Iterator[Block]:
        root = Manifest.load(source, self.dataset).shards
        yield from source.get_many([self.dataset, *pages.cids(source, root)])


def deal(whole: Path, size: int, shards: int) -> Dealt:
    """About `size` bytes of real text in so many shards of equal rows."""
    text = pa.py_buffer(b"".join(rows(size)))
    table = pa.json.read_json(pa.BufferReader(text), read_options=pa.json.ReadOptions(block_size=1 << 24))
    with open_store(str(whole)) as store:
        dataset, cids = put_dataset(store, table, shards)
    return Dealt(whole, dataset, cids)


def job(home: Home) -> Job:
    """The job, kept in a home."""
    return jobs.build({"codata": "job/1", "steps": _STEPS}, jobs.artifacts(home.store, Path()))
