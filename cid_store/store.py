"""The store: bytes by CID.

A backend implements five small methods about blocks; everything a user calls is here, so that the rule "bytes are
checked where they enter" holds in one place: `get` re-hashes what a backend returns, `put` re-hashes what a caller
claims. Backends are found by URL (`cid_store.stores`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, ClassVar, Self

from cid_store import multihash, unixfs
from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, LimitExceeded
from cid_store.unixfs import FileReader

MAX_BLOCK = 2 * 1024 * 1024
"""Bytes. The largest block that is stored or handed out: what the IPFS network exchanges at most."""

BATCH_BLOCKS = 64
"""How many blocks `put_many` gathers before it hands them to the backend."""


class Store(ABC):
    """Blocks by CID. Thread-safe. Blocks are keyed by multihash: one block answers to every codec and CID version."""

    scheme: ClassVar[str] = ""
    """The URL scheme that selects this backend."""

    # -- what a backend implements -------------------------------------------------------------------------------

    @abstractmethod
    def _read(self, cid: CID) -> bytes | memoryview:
        """The block's bytes, unchecked; raises `BlockNotFound`."""

    @abstractmethod
    def _write(self, blocks: Sequence[Block]) -> None:
        """Keep these blocks, already checked. When this returns, they are as durable as the backend promises."""

    @abstractmethod
    def _has(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these blocks are held, in order."""

    @abstractmethod
    def _delete(self, cids: Sequence[CID]) -> None:
        """Forget these blocks; absent ones are ignored."""

    @abstractmethod
    def _cids(self) -> Iterator[CID]:
        """Every block held, in any order, each once."""

    def close(self) -> None:
        """Release what is held open. A closed store is not used again."""

    # -- what everybody calls ------------------------------------------------------------------------------------

    def get(self, cid: CID) -> bytes | memoryview:
        """The block's bytes, proven to match `cid`. Raises `BlockNotFound`, `CorruptBlock`, `LimitExceeded`."""
        if cid.hash_code == multihash.IDENTITY:
            return cid.digest
        data = self._read(cid)
        if len(data) > MAX_BLOCK:
            raise LimitExceeded(f"block {cid} is {len(data)} bytes; the limit is {MAX_BLOCK}", cid=cid)
        cid.check(data)
        return data

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in the order asked for, each proven. A backend with latency overrides this to fetch ahead."""
        for cid in cids:
            yield Block(cid, self.get(cid))

    def put(self, data: bytes | memoryview, codec: int = RAW) -> CID:
        """Keep `data` and name it (sha2-256)."""
        block = Block.of(data, codec)
        self._put_checked([block])
        return block.cid

    def put_many(self, blocks: Iterable[Block]) -> int:
        """Keep blocks from elsewhere, each proven first. Returns how many came. Raises `CorruptBlock`."""
        batch: list[Block] = []
        count = 0
        for block in blocks:
            batch.append(block.check())
            count += 1
            if len(batch) == BATCH_BLOCKS:
                self._put_checked(batch)
                batch = []
        if batch:
            self._put_checked(batch)
        return count

    def _put_checked(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if len(block.data) > MAX_BLOCK:
                raise LimitExceeded(
                    f"block {block.cid} is {len(block.data)} bytes; the limit is {MAX_BLOCK}", cid=block.cid
                )
        self._write([b for b in blocks if b.cid.hash_code != multihash.IDENTITY])

    def has(self, cid: CID) -> bool:
        """Whether the block is held."""
        return self.has_many([cid])[0]

    def has_many(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these blocks are held, in order; identity CIDs always are."""
        held = self._has(cids)
        return [h or c.hash_code == multihash.IDENTITY for h, c in zip(held, cids, strict=True)]

    def delete(self, cids: Iterable[CID]) -> None:
        """Forget these blocks, whoever may need them: `gc` is the careful way."""
        self._delete(list(cids))

    def cids(self) -> Iterator[CID]:
        """Every block held."""
        return self._cids()

    # -- files ---------------------------------------------------------------------------------------------------

    def put_file(self, source: BinaryIO | bytes | memoryview) -> CID:
        """Keep a file's bytes under the `unixfs-v1-2025` profile; returns its root. Streams from a file object."""
        return unixfs.add_file(self, source)

    def open_file(self, root: CID) -> FileReader:
        """A verified random-access reader over a UnixFS file. Raises `BlockNotFound`, `DecodeError`."""
        return unixfs.open_file(self, root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _missing(self, cid: CID) -> BlockNotFound:
        return BlockNotFound(f"block {cid} is not in {self}", cid=cid)
