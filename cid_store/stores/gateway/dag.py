"""Whole DAGs from gateways: streamed as CARs, each block proven and asked for before it is kept.

What arrives is kept at once. A stream that breaks off, or holds what nobody asked for, is left, and the
next request asks only for what is missing: subtrees as CARs, leaves as single blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import httpx

from cid_store.block import Block
from cid_store.car import CarReader, SectionTooLarge, TruncatedCar
from cid_store.car.source import Input
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, CorruptBlock, DecodeError, LimitExceeded, StoreError
from cid_store.store import BATCH_BLOCKS, BATCH_BYTES, Store
from cid_store.stores.gateway.client import CAR_TYPE, Standing, Unreachable
from cid_store.stores.gateway.store import GatewayStore
from cid_store.walk import links_of

MAX_SKIPPED: Final = 1024
"""Blocks in a row that nothing asked for, or that came before: then a stream is left, whatever it may
still hold.
"""

_PATIENCE: Final = 120.0  # seconds for a block of a stream, however slowly it drips


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What came: blocks, their bytes, and how many requests for CARs it took."""

    blocks: int
    bytes: int
    streams: int


class _Frontier:
    """Which blocks of a DAG are still missing, as far as it is known."""

    def __init__(self, store: Store, root: CID) -> None:
        self._store = store
        self._seen: set[bytes] = set()
        self._missing: dict[bytes, list[CID]] = {}
        """By multihash, because a block may be linked to as node and as leaf."""
        self.follow([root])

    def follow(self, links: list[CID]) -> None:
        """Note what `links` reach: blocks that are here are opened, others are missing."""
        pending = links
        while pending:
            fresh = [cid for cid in dict.fromkeys(pending) if cid.to_v1().binary not in self._seen]
            self._seen.update(cid.to_v1().binary for cid in fresh)
            pending = []
            for cid, held in zip(fresh, self._store.has_many(fresh), strict=True):
                if not held:
                    self._missing.setdefault(cid.multihash, []).append(cid)
                elif cid.codec != RAW:
                    pending += links_of(cid, self._store.get(cid))

    def take(self, cid: CID) -> list[CID] | None:
        """The names under which a missing block is wanted, which is missing no more; None for any other
        block.
        """
        return self._missing.pop(cid.multihash, None)

    def lacks(self, cid: CID) -> bool:
        """Whether the block is still missing."""
        return cid.multihash in self._missing

    def node(self) -> CID | None:
        """A missing block that may link to others, if there is one."""
        return next((cid for names in self._missing.values() for cid in names if cid.codec != RAW), None)

    def leaves(self) -> list[CID]:
        """What is missing once no node is."""
        return [names[0] for names in self._missing.values()]


def fetch_dag(
    store: Store,
    gateways: GatewayStore,
    root: CID,
    *,
    limit_bytes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> FetchReport:
    """Bring the whole DAG under `root` into `store`; what is there already is not fetched again. `progress`
    is told the bytes of each block as it comes.

    After an error, what came is kept, and another call goes on from there. Raises `BlockNotFound`,
    `CorruptBlock`, `StoreError` for what no gateway gives, `LimitExceeded` past `limit_bytes` of blocks,
    `UnsupportedCodec`.
    """
    return _Fetch(store, gateways, root, limit_bytes, progress).run()


class _Fetch:
    def __init__(
        self,
        store: Store,
        gateways: GatewayStore,
        root: CID,
        limit: int | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._store, self._gateways, self._root, self._limit = store, gateways, root, limit
        self._progress = progress
        self._frontier = _Frontier(store, root)
        self._batch: list[Block] = []
        self._batch_bytes = 0
        self._blocks = self._bytes = self._streams = 0

    def run(self) -> FetchReport:
        try:
            while node := self._frontier.node():
                self._subtree(node)
            for block in self._gateways.get_many(self._frontier.leaves()):
                self._accept(block)
        finally:
            self._flush()
        return FetchReport(self._blocks, self._bytes, self._streams)

    def _subtree(self, node: CID) -> None:
        """What gateways stream of a node's DAG, until the node itself is here; else the node alone."""
        for standing in self._gateways.client.standings():
            self._streams += 1
            with closing(self._stream(standing, node)) as stream:
                skipped = 0
                for block, body in stream:
                    if self._accept(block):
                        body.renew()
                        skipped = 0
                    else:
                        skipped += 1
                        if skipped > MAX_SKIPPED:
                            break
            if not self._frontier.lacks(node):
                return
        self._accept(Block(node, self._gateways.get(node)))

    def _stream(self, standing: Standing, node: CID) -> Generator[tuple[Block, _Body]]:
        """The proven blocks of a stream, until it fails: what came is kept, and the next request asks for the
        rest. What goes wrong where they are kept is raised where they are kept, and no fault of a gateway.
        """
        path = f"ipfs/{node}?format=car&dag-scope=all&car-order=dfs&car-dups=n"
        try:
            with self._gateways.client.ask(standing, path, node, CAR_TYPE) as answer:
                body = _Body(answer, str(standing.origin))
                for block in CarReader(Input(body.read)).blocks():
                    yield block, body
        except (StoreError, BlockNotFound, TruncatedCar):
            pass
        except (CorruptBlock, DecodeError, SectionTooLarge):
            self._gateways.client.lied(standing)

    def _accept(self, block: Block) -> bool:
        """Keep a proven block that is missing; False for any other."""
        names = self._frontier.take(block.cid)
        if not names:
            return False
        self._keep(block)
        for name in names:
            if name.codec != RAW:
                self._frontier.follow(list(links_of(name, block.data)))
        return True

    def _keep(self, block: Block) -> None:
        self._blocks += 1
        self._bytes += len(block.data)
        if self._limit is not None and self._bytes > self._limit:
            raise LimitExceeded(
                f"the DAG under {self._root} has more than {self._limit} bytes",
                cid=self._root,
                next_step="raise the limit, if that much is wanted",
            )
        if self._progress is not None:
            self._progress(len(block.data))
        self._batch.append(block)
        self._batch_bytes += len(block.data)
        if len(self._batch) >= BATCH_BLOCKS or self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._store.put_many(batch)


class _Body:
    """A response as a stream's bytes, left when it drips."""

    def __init__(self, answer: httpx.Response, origin: str) -> None:
        self._pieces = answer.iter_raw()
        self._origin = origin
        self.renew()

    def renew(self) -> None:
        """Be patient again."""
        self._end = time.monotonic() + _PATIENCE

    def read(self, size: int) -> bytes:
        """The next bytes, whatever number came together; none at the end."""
        if time.monotonic() > self._end:
            raise Unreachable(f"{self._origin} sends a CAR too slowly")
        return next(self._pieces, b"")
