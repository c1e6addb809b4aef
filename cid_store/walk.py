"""DAG traversal: depth first, a node before what it links to, each block once, without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from cid_store import codecs, multihash
from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, CidStoreError, DecodeError, LimitExceeded

if TYPE_CHECKING:
    from cid_store.store import Store

_FETCH_AHEAD: Final = 64  # leaves asked of the store at once


class _Visit(NamedTuple):
    cid: CID
    parent: CID | None
    depth: int


def links_of(cid: CID, data: bytes | memoryview) -> Iterator[CID]:
    """The links of block `data` that `cid` names, in order. Raises `UnsupportedCodec` and `DecodeError`."""
    codec = codecs.by_code(cid.codec)
    try:
        yield from codec.links(data)
    except (DecodeError, LimitExceeded) as e:
        raise type(e)(f"block {cid}: {e.message}", cid=cid, next_step=e.next_step) from None


def walk(store: Store, roots: Iterable[CID], *, limit_depth: int | None = None) -> Iterator[Block]:
    """Every block under `roots`, proven, depth first and parents first; each once, under whatever CIDs it
    comes.

    `limit_depth` is how many links to follow from a root, at most; None for all. Identity CIDs are followed
    and never yielded. Raises `BlockNotFound` naming the missing block and its parent, `UnsupportedCodec`,
    `DecodeError`.

    Memory: a digest per block met and the links not yet followed.
    """
    pending = [_Visit(root, None, 0) for root in reversed(list(roots))]
    yielded: set[bytes] = set()
    # Links depend on the codec and the depth left, not on the bytes alone: a block met first as a leaf or
    # near the limit is opened again, not yielded again, when it is met as a node or further up.
    opened: dict[bytes, int] = {}
    while pending:
        if _settled(pending[-1], opened, limit_depth):
            pending.pop()
            continue
        for visit, data in _fetch(store, _next(pending, yielded)):
            key = visit.cid.multihash
            if visit.cid.hash_code != multihash.IDENTITY and key not in yielded:
                yielded.add(key)
                yield Block(visit.cid, data)
            if visit.cid.codec == RAW:
                continue
            opened[visit.cid.to_v1().binary] = visit.depth
            if visit.depth == limit_depth:
                continue
            children = [_Visit(link, visit.cid, visit.depth + 1) for link in links_of(visit.cid, data)]
            pending.extend(reversed(children))


def _settled(visit: _Visit, opened: dict[bytes, int], limit_depth: int | None) -> bool:
    """Whether a node was met before, no deeper than now."""
    if visit.cid.codec == RAW:
        return False
    depth = opened.get(visit.cid.to_v1().binary)
    return depth is not None and (limit_depth is None or depth <= visit.depth)


def _next(pending: list[_Visit], yielded: set[bytes]) -> list[_Visit]:
    """Take what comes next: a node, or the unseen of a run of leaves, so that a store can fetch ahead."""
    if pending[-1].cid.codec != RAW:
        return [pending.pop()]
    run = list(takewhile(lambda visit: visit.cid.codec == RAW, reversed(pending[-_FETCH_AHEAD:])))
    del pending[-len(run) :]
    return [v for v in run if v.cid.hash_code != multihash.IDENTITY and v.cid.multihash not in yielded]


def _fetch(store: Store, visits: Sequence[_Visit]) -> Iterator[tuple[_Visit, bytes | memoryview]]:
    if len(visits) == 1:
        try:
            yield visits[0], store.get(visits[0].cid)
        except BlockNotFound as e:
            raise _missing(e, visits) from None
        return
    blocks = store.get_many([visit.cid for visit in visits])
    try:
        for visit, block in zip(visits, blocks, strict=True):
            yield visit, block.data
    except BlockNotFound as e:
        raise _missing(e, visits) from None


def _missing(error: CidStoreError, visits: Sequence[_Visit]) -> BlockNotFound:
    parent = next((visit.parent for visit in visits if visit.cid == error.cid), None)
    where = f"linked from {parent}" if parent else "a root"
    return BlockNotFound(f"{error.message} ({where})", cid=error.cid, next_step=error.next_step)
