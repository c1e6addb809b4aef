"""Which CIDs a store holds in full: what placement asks before it moves anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from cid_store import Store
from cid_store.cid import CID, DAG_PB
from cid_store.codecs import dag_pb
from cid_store.errors import CidStoreError, LimitExceeded

BATCH: Final = 1024
MAX_DEPTH: Final = 64
MAX_BLOCKS: Final = 1 << 20
"""Blocks of one file or folder that are looked up, at most."""


MAX_KNOWN: Final = 1 << 16
"""Files and folders whose answer is remembered, at most."""


def held(store: Store, cids: Iterable[CID], known: dict[CID, bool] | None = None) -> Iterator[bool]:
    """For each CID, in order: whether it is held in full.

    A raw block, or a record: itself. A dag-pb node, which is a file or folder: every block below it. `known`
    remembers files and folders from call to call, so that none is walked for each time that it is named.
    """
    known = {} if known is None else known
    iterator = iter(cids)
    while batch := list(islice(iterator, BATCH)):
        for cid, here in zip(batch, store.has_many(batch), strict=True):
            if not here or cid.codec != DAG_PB:
                yield here
                continue
            if cid not in known:
                if len(known) >= MAX_KNOWN:
                    known.clear()
                known[cid] = _whole(store, cid)
            yield known[cid]


def _whole(store: Store, root: CID) -> bool:
    """Whether all below a dag-pb node is held. What can't be read is not held."""
    level, looked_up = [root], 0
    try:
        for _ in range(MAX_DEPTH):
            links = list(dict.fromkeys(_links(store, level)))
            looked_up += len(links)
            if looked_up > MAX_BLOCKS:
                raise LimitExceeded(f"{root} has more than {MAX_BLOCKS} blocks", cid=root)
            if not all(store.has_many(links)):
                return False
            level = [cid for cid in links if cid.codec == DAG_PB]
            if not level:
                return True
        raise LimitExceeded(f"{root} is over {MAX_DEPTH} nodes deep", cid=root)
    except CidStoreError:
        return False


def _links(store: Store, level: Sequence[CID]) -> Iterator[CID]:
    for cid in level:
        yield from (link.hash for link in dag_pb.decode(store.get(cid)).links)


class Bits:
    """Answers, a bit each: the first is the highest bit of the first byte."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.count = 0
        self.set = 0

    def add(self, flags: Iterable[bool]) -> None:
        """Append flags."""
        for flag in flags:
            if self.count % 8 == 0:
                self.data.append(0)
            if flag:
                self.data[-1] |= 0x80 >> self.count % 8
                self.set += 1
            self.count += 1
