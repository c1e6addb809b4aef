"""What belongs to a root: the blocks that a pin keeps and that a CAR carries.

Records say which of their links are promises and which are only claims. A run keeps its records, inputs and
outputs; the tables between its stages can be made again and are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, RAW
from cid_store.codecs import by_code
from cid_store.errors import BlockNotFound, CorruptBlock, DecodeError, LimitExceeded, UnsupportedCodec
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.base import kind_of
from codata.records.fields import Value
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.source import Source
from codata.records.task import Task

PAGE: Final = "page/1"
_ASKED: Final = 1000
"""Blocks that a store is asked about at once."""


def closure(store: Store, roots: Iterable[CID]) -> Iterator[CID]:
    """Every block that belongs to `roots`, each once, roots first.

    Raises `BlockNotFound` for one that must be read and is missing; leaves are named without being read.
    """
    seen: set[bytes] = set()
    walked: set[CID] = set()
    for root in roots:
        for cid in _of(store, root, walked):
            if cid.multihash not in seen:
                seen.add(cid.multihash)
                yield cid


def whole(store: Store, root: CID) -> int:
    """How many blocks belong to `root`, each of which is held; raises `BlockNotFound` for one that is not."""
    count = 0
    belonging = closure(store, [root])
    while batch := list(islice(belonging, _ASKED)):
        for cid, held in zip(batch, store.has_many(batch), strict=True):
            if not held:
                raise BlockNotFound(f"block {cid} of {root} is not in {store}", cid=cid)
        count += len(batch)
    return count


def reachable(store: Store, root: CID) -> Iterator[CID]:
    """Every block below `root` by any link, held or not; what can't be read ends its own branch alone.

    More than `closure` gives, and it needs nothing to be whole: what is left of a damaged root.
    """
    stack = [root]
    seen: set[CID] = set()
    while stack:
        cid = stack.pop()
        if cid in seen:
            continue
        seen.add(cid)
        yield cid
        with suppress(BlockNotFound, CorruptBlock, DecodeError, LimitExceeded, UnsupportedCodec):
            if cid.codec != RAW:
                stack.extend(reversed(list(by_code(cid.codec).links(store.get(cid)))))


def _of(store: Store, root: CID, walked: set[CID]) -> Iterator[CID]:
    for cid in roots_of(store, root):
        yield from (cid,) if cid.codec == DAG_CBOR else _dag(store, cid, walked)


def is_record(store: Store, root: CID) -> bool:
    """Whether less belongs to a root than all that it links to: it is a record that says what does."""
    return kind_of(store, root) in _KINDS


def roots_of(store: Store, root: CID) -> Iterator[CID]:
    """What belongs to a root, with files by their roots alone: every block of it, if `root` is no record."""
    kind = kind_of(store, root)
    if kind in _KINDS:
        yield from _KINDS[kind](store, root)
    else:
        yield from _dag(store, root, set())


def _dataset(store: Store, root: CID) -> Iterator[CID]:
    record = Manifest.load(store, root)
    yield root
    yield from pages.cids(store, record.shards)
    for shard in record.refs(store):
        yield shard.cid


def _source(store: Store, root: CID) -> Iterator[CID]:
    record = Source.load(store, root)
    yield root
    yield from pages.cids(store, record.files)
    for file in record.entries(store):
        yield file.cid


def _job(store: Store, root: CID) -> Iterator[CID]:
    yield root
    for call in Job.load(store, root).steps:
        yield from links(dict(call.params))


def _run(store: Store, root: CID) -> Iterator[CID]:
    record = Run.load(store, root)
    yield root
    yield from _job(store, record.job)
    for cid in (*record.inputs.values(), *record.outputs.values()):
        yield from _data(store, cid)
    yield from pages.cids(store, record.rows)
    for row in record.entries(store):
        yield from (row.task, row.receipt, row.seal)
        for value in Task.load(store, row.task).inputs.values():
            if isinstance(value, CID):
                yield from pages.cids(store, value)
        receipt = Receipt.load(store, row.receipt)
        yield receipt.environment
        for output in receipt.out.values():
            if output.cuts:
                yield output.cuts
            if output.cid.codec == DAG_CBOR:
                yield from _node(store, output.cid)


def _attestation(store: Store, root: CID) -> Iterator[CID]:
    record = Attestation.load(store, root)
    yield root
    yield from pages.cids(store, record.verdicts)
    yield record.environment
    for verdict in pages.items(store, record.verdicts):
        receipt = verdict.get("receipt") if isinstance(verdict, dict) else None
        if isinstance(receipt, CID):
            yield from (receipt, Receipt.load(store, receipt).environment)
    yield from _run(store, record.run) if kind_of(store, record.run) == Run.kind else (record.run,)


def _data(store: Store, root: CID) -> Iterator[CID]:
    """What a run took or gave: a dataset or a source.

    Of any other record the root alone: runs over runs, each named twice, would double the walk at every
    level.
    """
    kind = kind_of(store, root)
    if kind in (Manifest.kind, Source.kind):
        yield from _KINDS[kind](store, root)
    elif kind in _KINDS:
        yield root
    else:
        yield from _dag(store, root, set())


def _node(store: Store, cid: CID) -> Iterator[CID]:
    """A small output: one node, or a list's pages."""
    if kind_of(store, cid) == PAGE:
        yield from pages.cids(store, cid)
    else:
        yield cid


def _dag(store: Store, root: CID, walked: set[CID]) -> Iterator[CID]:
    """All links below a block, but nothing below those `walked`; leaves are named without being read, and as
    often as they are linked.

    What was walked is shared by all the walks of one closure: each starts within what another has seen.
    """
    stack = [root]
    while stack:
        cid = stack.pop()
        if cid in walked:
            continue
        yield cid
        if cid.codec in (DAG_PB, DAG_CBOR, DAG_JSON):
            walked.add(cid)
            below = list(by_code(cid.codec).links(store.get(cid)))
            stack.extend(reversed(below))


_KINDS: Final[dict[str | None, Callable[[Store, CID], Iterator[CID]]]] = {
    Manifest.kind: _dataset,
    Source.kind: _source,
    Job.kind: _job,
    Run.kind: _run,
    Attestation.kind: _attestation,
}


def links(value: Value) -> Iterator[CID]:
    """The links anywhere in a record's value."""
    if isinstance(value, CID):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from links(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from links(item)
