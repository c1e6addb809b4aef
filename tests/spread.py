"""A small dataset of many shards that lies with several providers and not at home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cid_store import Store
from cid_store.cid import CID
from cid_store.copy import copy
from cid_store.walk import walk
from codata.execute.context import StoreContext
from codata.execute.needs import need_of
from codata.execute.run import RunResult
from codata.home import Home
from codata.records import pages
from codata.records.manifest import Manifest, ShardRef
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.table import canonical_table
from codata.table.types import schema_to_value
from tests.runs import do, job_of, text_rows

STEPS: list[Any] = [
    {"text.normalize": {"column": "text", "unicode": "NFC", "strip": True}},
    {"text.length_filter": {"column": "text", "min": 100}},
    {"dedup.exact": {"on": ["text"]}},
    {"sort": {"by": ["id"], "descending": True}},
]


@dataclass(frozen=True)
class Spread:
    """The dataset, its shards, and what a job over it gives on one machine."""

    dataset: CID
    shards: tuple[CID, ...]
    whole: Path
    """The home that holds all of it."""
    alone: RunResult


def put_dataset(store: Store, table: pa.Table, shards: int) -> tuple[CID, tuple[CID, ...]]:
    """A dataset cut in equal parts: not where the cutter would, which a job does not mind."""
    context, table = StoreContext(store), canonical_table(table)
    step = -(-table.num_rows // shards)
    made = [context.put_table(table.slice(at, step)) for at in range(0, table.num_rows, step)]
    refs = [ShardRef(o.cid, o.rows, o.size, o.hash or b"") for o in made]
    cid = Manifest.make(store, schema_to_value(table.schema), refs).save(store)
    return cid, tuple(o.cid for o in made)


def spread(
    path: Path,
    steps: Sequence[Any] = tuple(STEPS),
    rows: int = 1200,
    shards: int = 12,
    table: pa.Table | None = None,
) -> Spread:
    """The dataset, of `table` or of so many `text_rows`, in a home at `path`, with a run over it."""
    with Home(path) as home:
        dataset, cids = put_dataset(home.store, text_rows(rows) if table is None else table, shards)
        alone = do(home, job_of(home, steps), {"data": dataset})
    return Spread(dataset, cids, path, alone)


def give(found: Spread, homes: Sequence[Home], *, copies: int = 1) -> None:
    """Copy the shards round about: shard i to home i, and to the next ones for more copies."""
    with Home(found.whole) as whole:
        for i, cid in enumerate(found.shards):
            for k in range(copies):
                home = homes[(i + k) % len(homes)]
                copy(whole.store, home.store, [block.cid for block in walk(whole.store, [cid])])


def know(found: Spread, home: Home) -> None:
    """Copy the manifest alone."""
    with Home(found.whole) as whole:
        record = Manifest.load(whole.store, found.dataset)
        copy(whole.store, home.store, [found.dataset, *pages.cids(whole.store, record.shards)])


def least(home: Home, run: CID, data: Spread) -> int:
    """The bytes that must move among three providers, whoever places: of each task, what is not with the one
    who holds the most.

    What was made lies with its maker, and with whoever read it since; stage follows stage.
    """
    with Home(data.whole) as whole:
        sizes: dict[CID, int] = {}
        holders = {cid: {i % 3} for i, cid in enumerate(data.shards)}
        dids: dict[str, int] = {}
        total = 0
        for row in Run.load(home.store, run).entries(home.store):
            receipt = Receipt.load(home.store, row.receipt)
            at = dids.setdefault(receipt.executor, len(dids))
            need = need_of(home.store, row.task)
            inputs = [cid for cid in need.inputs if cid in holders]
            if need.lazy or at > 2:
                continue
            for cid in inputs:
                sizes.setdefault(cid, whole.store.open_file(cid).size)
            total += min(sum(sizes[c] for c in inputs if p not in holders[c]) for p in range(3))
            for cid in inputs:
                holders[cid] = holders[cid] | {at}
            for output in receipt.out.values():
                holders[output.cid] = {at}
        return total
