"""One pin coming in: a view of the home's store that gets what is missing from the origins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_PB
from cid_store.errors import BlockNotFound
from cid_store.stores.gateway import GatewayStore, fetch_dag
from codata.closure import closure, is_record, roots_of, whole

_BATCH: Final = 64  # blocks fetched at once that are no files
_ASKED: Final = 1000  # blocks whose sizes are asked for at once


class Arriving(Store):
    """Reads here first and at the `origins` then, keeping what came; writes and looks here alone.

    `allow` is told the bytes that are about to be written, and raises to end it all.
    """

    def __init__(self, here: Store, origins: GatewayStore | None, allow: Callable[[int], None]) -> None:
        self._here, self._origins, self._allow = here, origins, allow

    def __str__(self) -> str:
        return "the origins"

    def bring(self, root: CID) -> tuple[int, int]:
        """Bring all that belongs to `root` here, to stay; how many blocks those are, and their bytes.

        Raises `BlockNotFound` for what is nowhere, and whatever bytes from elsewhere may be wrong with.
        """
        if self._origins is not None:
            if is_record(self, root):
                self._record(self._origins, root)
            else:
                fetch_dag(self, self._origins, root)
        count = whole(self._here, root)
        self._here.persist(closure(self._here, [root]))
        return count, self._size(root)

    def _size(self, root: CID) -> int:
        belonging, total = closure(self._here, [root]), 0
        while batch := list(islice(belonging, _ASKED)):
            total += sum(filter(None, self._here.sizes(batch)))
        return total

    def _record(self, origins: GatewayStore, root: CID) -> None:
        """Files DAG by DAG, other blocks by many at once."""
        others: list[CID] = []
        for cid in roots_of(self, root):
            if cid.codec == DAG_PB:
                fetch_dag(self, origins, cid)
                continue
            others.append(cid)
            if len(others) == _BATCH:
                self._blocks(origins, others)
                others = []
        self._blocks(origins, others)

    def _blocks(self, origins: GatewayStore, cids: Sequence[CID]) -> None:
        held = self.has_many(cids)
        self.put_many(origins.get_many(cid for cid, here in zip(cids, held, strict=True) if not here))

    def _read(self, cid: CID) -> bytes | memoryview:
        try:
            return self._here.get(cid)
        except BlockNotFound:
            if self._origins is None:
                raise
        data = self._origins.get(cid)
        self._write([Block(cid, data)])
        return data

    def _write(self, blocks: Sequence[Block]) -> None:
        self._allow(sum(len(block.data) for block in blocks))
        self._here.put_many(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        return self._here.has_many(cids)

    def _delete(self, cids: Sequence[CID]) -> None:
        self._here.delete(cids)

    def _cids(self) -> Iterator[CID]:
        return self._here.cids()
