"""The home's store as it is used among providers: what goes wrong with it is the home's own fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CorruptBlock, StoreError
from cid_store.unixfs import FileReader
from codata.remote.errors import OwnStoreFailed


class OwnStore(Store):
    """A store whose failures are `OwnStoreFailed`, so that no provider is blamed for them. What it lacks is
    `BlockNotFound` as ever; blocks that are put and are not what they claim to be are the giver's fault.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __str__(self) -> str:
        return str(self._store)

    def get(self, cid: CID) -> bytes | memoryview:
        """As the store gives it, proven."""
        return self._read(cid)

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """As the store gives them, proven."""
        with _own():
            yield from self._store.get_many(cids)

    def open_file(self, root: CID) -> FileReader:
        """As the store reads it."""
        with _own():
            return self._store.open_file(root)

    def touch(self, cids: Sequence[CID]) -> list[bool]:
        """As the store does."""
        with _own():
            return self._store.touch(cids)

    def persist(self, cids: Iterable[CID]) -> None:
        """As the store does."""
        with _own():
            self._store.persist(cids)

    def _read(self, cid: CID) -> bytes | memoryview:
        with _own():
            # Proven here already: in an overlay nobody could tell whose block is broken.
            return self._store.get(cid)

    def _write(self, blocks: Sequence[Block]) -> None:
        with _own():
            self._store._write(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        with _own():
            return self._store.has_many(cids)

    def _delete(self, cids: Sequence[CID]) -> None:
        with _own():
            self._store.delete(cids)

    def _cids(self) -> Iterator[CID]:
        with _own():
            yield from self._store.cids()


@contextmanager
def _own() -> Iterator[None]:
    try:
        yield
    except BlockNotFound:
        raise
    except (CorruptBlock, StoreError) as e:
        raise OwnStoreFailed(
            f"this home's own store failed: {e.message}", cid=e.cid, next_step=e.next_step
        ) from e
    except (OSError, sqlite3.Error) as e:
        raise OwnStoreFailed(f"this home's own store failed: {e}") from e
