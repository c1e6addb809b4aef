"""What a worker's store answers to other workers and to the client: who holds what, and blocks.

A worker has a store of its own where its Dask configuration names one, `codata.store` (in the environment:
`DASK_CODATA__STORE`); else it opens the client's, which then has to be reachable from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from distributed import Worker, WorkerPlugin

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR
from codata.execute.cluster.peers import Peers
from codata.execute.needs import names_of
from codata.execute.worker import opened
from codata.provider.held import held

NAME: Final = "codata"
BATCH: Final = 8
"""Blocks in one message: 16 MiB at most."""

NOT_HELD: Final = -1


def own_store() -> str | None:
    """The URL of this worker's own store, if it has one."""
    import dask

    url = dask.config.get("codata.store", default=None)
    return None if url is None else str(url)


def shelf(url: str) -> Store:
    """The store that tasks of a client with the store `url` use here."""
    return opened(own_store() or url)


class Shelf(WorkerPlugin):
    """Lets a worker answer. `codata_…` with the client's store URL and further arguments."""

    name = NAME
    idempotent = True

    peers: Peers

    async def setup(self, worker: Worker) -> None:
        """Offer the answers, and be able to ask others."""
        self.peers = Peers(worker.rpc.connection_args)
        await self.peers.start()
        for answer in (codata_own, codata_sizes, codata_blocks, codata_get, codata_put):
            worker.handlers[answer.__name__] = _beside(answer)

    async def teardown(self, worker: Worker) -> None:
        """Ask nobody any more."""
        await self.peers.close()


def _beside(answer: Callable[..., Any]) -> Callable[..., Any]:
    """In a thread: the worker's event loop goes on."""

    async def handler(**message: Any) -> Any:
        return await asyncio.to_thread(answer, **message)

    return handler


def codata_own() -> bool:
    """Whether this worker has a store of its own."""
    return own_store() is not None


def codata_sizes(url: str, cids: Sequence[str]) -> list[int]:
    """Bytes of each input that is held in full, `NOT_HELD` for the others."""
    store = shelf(url)
    asked = [CID(cid) for cid in cids]
    return [
        size_of(store, c) if here else NOT_HELD for c, here in zip(asked, held(store, asked), strict=True)
    ]


def codata_blocks(url: str, cid: str) -> list[str]:
    """The blocks of an input, what is below a node before it."""
    return [str(name) for name in names_of(shelf(url), CID(cid))]


def codata_get(url: str, cids: Sequence[str]) -> list[bytes]:
    """Blocks."""
    return [bytes(block.data) for block in shelf(url).get_many(map(CID, cids))]


def codata_put(url: str, blocks: Sequence[tuple[str, bytes]]) -> None:
    """Keep blocks."""
    shelf(url).put_many(Block(CID(cid), data) for cid, data in blocks)


def size_of(store: Store, cid: CID) -> int:
    """Bytes of an input that is held: a record's block, a file's content."""
    return len(store.get(cid)) if cid.codec == DAG_CBOR else store.open_file(cid).size


Ask = Callable[..., Any]
"""Asks one worker: the name of an answer, then its arguments."""


def pull(ask: Ask, url: str, cid: CID, store: Store) -> int:
    """Bring an input from a worker to `store`; returns the bytes that came. Raises what the worker raised."""
    names = [CID(name) for name in ask("codata_blocks", url=url, cid=str(cid))]
    lacking = [name for name, here in zip(names, store.has_many(names), strict=True) if not here]
    moved = 0
    for start in range(0, len(lacking), BATCH):
        batch = lacking[start : start + BATCH]
        data = ask("codata_get", url=url, cids=[str(name) for name in batch])
        moved += sum(map(len, data))
        store.put_many(Block(name, one) for name, one in zip(batch, data, strict=True))
    return moved


def push(ask: Ask, url: str, blocks: Sequence[Block]) -> int:
    """Send blocks to a worker; returns their bytes."""
    for start in range(0, len(blocks), BATCH):
        batch = [(str(b.cid), bytes(b.data)) for b in blocks[start : start + BATCH]]
        ask("codata_put", url=url, blocks=batch)
    return sum(len(block.data) for block in blocks)
