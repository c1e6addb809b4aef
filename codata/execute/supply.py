"""Bringing inputs to where tasks run: only what is not there, from whoever holds it, proven on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.errors import BlockNotFound, CidStoreError
from cid_store.stores.gateway import fetch_dag
from codata.execute.needs import blocks_of
from codata.home import Home
from codata.provider.held import held
from codata.remote.client import blaming
from codata.remote.errors import OwnStoreFailed, ProviderError, ProviderLied
from codata.remote.member import Member
from codata.remote.own import OwnStore
from codata.remote.pool import Pool

_UPLOAD: Final = 16 * 1024 * 1024
"""Bytes of one upload: it is in memory as a whole, because its signature covers it."""


class Supply:
    """Moves inputs between the home and the members of a pool, and counts what moved. Thread-safe."""

    def __init__(self, home: Home, pool: Pool) -> None:
        self._pool = pool
        self.store: Store = OwnStore(home.store)
        """The home's store, whose failures end a run: they are no provider's."""
        self._sizes: dict[CID, int] = {}
        self._lock = Lock()
        self.moved = 0
        """Bytes of inputs that were brought to where tasks run, also on their way through the home."""
        self.fetched = 0
        """Bytes of results that were brought home."""

    # -- sizes -----------------------------------------------------------------------------------------------

    def learn(self, sizes: Iterable[tuple[CID, int]]) -> None:
        """Sizes that records state: good enough to place by."""
        for cid, size in sizes:
            self._sizes.setdefault(cid, size)

    def size(self, cid: CID) -> int:
        """Bytes of an input, as far as known: of a file that nobody has described, as its root says."""
        if cid not in self._sizes:
            self._sizes[cid] = self._look(cid)
        return self._sizes[cid]

    def _look(self, cid: CID) -> int:
        store = self.store
        if store.has(cid):
            return len(store.get(cid)) if cid.codec == DAG_CBOR else store.open_file(cid).size
        for member in self._pool.holders(cid):
            try:
                with blaming(member.client):
                    return member.client.blocks.open_file(cid).size
            except OwnStoreFailed:
                raise
            except CidStoreError as e:
                self._failed(member, cid, e)
        return 0

    # -- moving ----------------------------------------------------------------------------------------------

    def here(self, cid: CID) -> bool:
        """Whether the home holds an input in full."""
        return next(held(self.store, [cid]))

    def bring(self, cid: CID, *, result: bool = False, progress: Callable[[int], None] | None = None) -> None:
        """Bring an input, or a result, to the home; `progress` is told the bytes of each block that comes.
        Raises `BlockNotFound` where nobody gives it, `OwnStoreFailed`.
        """
        if self.here(cid):
            return
        for member in self._pool.holders(cid):
            try:
                with blaming(member.client):
                    size = fetch_dag(self.store, member.client.blocks, cid, progress=progress).bytes
            except OwnStoreFailed:
                raise
            except CidStoreError as e:
                self._failed(member, cid, e)
                continue
            with self._lock:
                if result:
                    self.fetched += size
                else:
                    self.moved += size
            return
        raise BlockNotFound(f"{cid} is not here, and no provider gives it", cid=cid)

    def push(
        self, member: Member, cids: Iterable[CID], progress: Callable[[int], None] | None = None
    ) -> None:
        """Push inputs that the home holds to a member; `progress` is told bytes as they go. Raises
        `BlockNotFound`, `ProviderError`, `OwnStoreFailed`.
        """
        limit = min(_UPLOAD, member.terms.upload)
        for cid in cids:
            size = member.client.upload(blocks_of(self.store, cid), limit, progress=progress)
            self._pool.note(cid, member)
            if cid.codec != DAG_CBOR:
                self.count(member, size)

    def count(self, member: Member, size: int) -> None:
        """Count bytes that were brought to a member, by whatever way."""
        member.sent(size)
        with self._lock:
            self.moved += size

    def _failed(self, member: Member, cid: CID, error: CidStoreError) -> None:
        """A member does not give what it is said to hold: false bytes are remembered, absence is believed."""
        self._pool.note(cid, member, holds=False)
        if isinstance(error, ProviderError | ProviderLied):
            member.fault(error)
