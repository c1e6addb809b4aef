"""Content: the bytes of a run's inputs and outputs, and what their records say of them.

A dataset is checked in full: every shard is canonical, has the rows, size and hash that the manifest states,
and begins where the cutter says. So a run's outputs are what they claim to be, whoever made them; whether
they are what the job makes of the inputs is left to running tasks again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from cid_store import Store
from cid_store.cid import CID
from codata import closure
from codata.errors import FalseClaim, InvalidSchema, MalformedTable
from codata.execute.executors import available_cores
from codata.records.base import kind_of
from codata.records.manifest import Manifest, ShardRef
from codata.records.source import Source
from codata.table import Candidates, candidates, choose, decode_table, logical_hash, part_sizes
from codata.table.types import schema_from_value

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 256
"""Blocks that are read at once; shards are taken one a core."""


def check_content(store: Store, root: CID) -> None:
    """Prove every byte of a run's input or output, and its record. Raises `FalseClaim`, `BlockNotFound`,
    `CorruptBlock`."""
    blocks = closure.closure(store, [root])
    deque(_parallel(store.get, blocks, AHEAD), maxlen=0)
    kind = kind_of(store, root)
    if kind == Manifest.kind:
        check_dataset(store, root)
    elif kind == Source.kind:
        _check_source(store, root)
    else:
        raise FalseClaim(f"{root} is neither a dataset nor a source", cid=root)


def check_dataset(store: Store, root: CID) -> None:
    """Raise `FalseClaim` unless the manifest is that of its shards' rows."""
    manifest = Manifest.load(store, root)
    try:
        schema = schema_from_value(manifest.schema)
    except InvalidSchema as e:
        raise FalseClaim(f"dataset {root} states a schema that can't be: {e.message}", cid=root) from None

    def check(shard: ShardRef) -> Candidates:
        try:
            table = decode_table(store.open_file(shard.cid).view())
        except MalformedTable as e:
            raise FalseClaim(f"shard {shard.cid} is no canonical table: {e.message}", cid=shard.cid) from None
        found = candidates(table)
        actual = ShardRef(shard.cid, table.num_rows, found.total_bytes, logical_hash(table))
        if actual != shard or not table.schema.equals(schema, check_metadata=True):
            raise FalseClaim(
                f"shard {shard.cid} holds {actual.rows} rows, {actual.size} bytes, "
                f"hash {actual.hash.hex()[:16]}…; "
                f"the dataset states {shard.rows}, {shard.size}, {shard.hash.hex()[:16]}…, or another schema",
                cid=shard.cid,
            )
        return found

    shards = list(manifest.refs(store))
    found = list(_parallel(check, shards, available_cores()))
    cuts = choose(
        found, lambda i: part_sizes(decode_table(store.open_file(shards[i].cid).view(), check=False))
    )
    for i, (cut, shard) in enumerate(zip(cuts, shards, strict=False)):
        if [s.part for s in cut.segments] != [i] or cut.rows != shard.rows:
            raise FalseClaim(
                f"shard {i} of dataset {root} does not begin and end where the rows say", cid=root
            )


def _check_source(store: Store, root: CID) -> None:
    for file in Source.load(store, root).entries(store):
        if (size := store.open_file(file.cid).size) != file.size:
            raise FalseClaim(f"{file.path} is {size} bytes; its source states {file.size}", cid=file.cid)


def _parallel(run: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """`run` of each item in order, on all cores, never more than `ahead` at a time."""
    waiting = iter(items)
    with ThreadPoolExecutor(available_cores()) as pool:
        while batch := list(islice(waiting, ahead)):
            yield from pool.map(run, batch)
