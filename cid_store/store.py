"""The store: bytes by CID.

A backend implements five small methods about blocks; everything a user calls is here, so that the rule "bytes
are checked where they enter" holds in one place: `get` re-hashes what a backend returns, `put` re-hashes what
a caller claims. Backends are found by URL (`cid_store.stores`).
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self, TypeAlias

from cid_store import multihash, unixfs
from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, LimitExceeded, UsageError
from cid_store.unixfs import FileReader

if TYPE_CHECKING:
    from typing_extensions import Buffer, TypeIs

MAX_BLOCK = 2 * 1024 * 1024
"""Bytes. The largest block that is stored or handed out: what the IPFS network exchanges at most."""

BATCH_BLOCKS = 1024
BATCH_BYTES = 16 * 1024 * 1024
"""How many blocks, and bytes in them, `put_many` gathers at most before it hands them to the backend."""

FileSource: TypeAlias = "BinaryIO | Buffer | str | os.PathLike[str]"
"""What a file can be put from: a stream, a buffer, or the path of a file on disk."""


class Store(ABC):
    """Blocks by CID. Thread-safe. Blocks are keyed by multihash: one block answers to every codec and CID
    version.
    """

    scheme: ClassVar[str] = ""
    """The URL scheme that selects this backend."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store that `url`, whole and with its scheme, names; raises `UsageError`."""
        raise UsageError(f"{cls.__name__} is not opened by URL: {url!r}", next_step="open it from Python")

    # -- what a backend implements ---------------------------------------------------------------------------

    @abstractmethod
    def _read(self, cid: CID) -> bytes | memoryview:
        """The block's bytes, unchecked; raises `BlockNotFound`."""

    @abstractmethod
    def _write(self, blocks: Sequence[Block]) -> None:
        """Keep these blocks, already checked. On return they are as durable as the backend promises."""

    @abstractmethod
    def _has(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these blocks are held, in order."""

    @abstractmethod
    def _delete(self, cids: Sequence[CID]) -> None:
        """Forget these blocks; absent ones are ignored."""

    @abstractmethod
    def _cids(self) -> Iterator[CID]:
        """Every block held, in any order, each once."""

    def close(self) -> None:  # noqa: B027 - a backend may have nothing to do
        """Release what is held open. A closed store is not used again."""

    # -- what everybody calls --------------------------------------------------------------------------------

    def get(self, cid: CID) -> bytes | memoryview:
        """The block's bytes, proven. Raises `BlockNotFound`, `CorruptBlock`, `LimitExceeded`."""
        if cid.hash_code == multihash.IDENTITY:
            return cid.digest
        data = self._read(cid)
        if len(data) > MAX_BLOCK:
            raise LimitExceeded(f"block {cid} is {len(data)} bytes; the limit is {MAX_BLOCK}", cid=cid)
        cid.check(data)
        return data

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in the order asked for, each proven. A backend with latency overrides this to fetch
        ahead.
        """
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
        count = size = 0
        for block in blocks:
            batch.append(block.check())
            count += 1
            size += len(block.data)
            if len(batch) == BATCH_BLOCKS or size >= BATCH_BYTES:
                self._put_checked(batch)
                batch, size = [], 0
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

    def relax(self) -> None:  # noqa: B027 - a backend may have nothing to do
        """From now on, what is put need not survive a power failure before `persist` says so. Call it before
        writing.
        """

    def persist(self, cids: Iterable[CID]) -> None:  # noqa: B027 - a backend may have nothing to do
        """Make these blocks, and files whose root they are, as durable as the backend can. By default they
        are.
        """

    def touch(self, cids: Sequence[CID]) -> list[bool]:
        """As `has_many`; what is held is now as safe from a concurrent `gc` as if it had just been put."""
        return self.has_many(cids)

    def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """The bytes of each of these blocks, in order; None for what is not held. By default each is read."""
        return [self._size(cid) for cid in cids]

    def _size(self, cid: CID) -> int | None:
        try:
            return len(self.get(cid))
        except BlockNotFound:
            return None

    def delete(self, cids: Iterable[CID]) -> None:
        """Forget these blocks, whoever may need them: `gc` is the careful way."""
        self._delete(list(cids))

    def cids(self) -> Iterator[CID]:
        """Every block held."""
        return self._cids()

    # -- files -----------------------------------------------------------------------------------------------

    def put_file(self, source: FileSource) -> CID:
        """Keep a file's bytes under the `unixfs-v1-2025` profile; returns its root. Streams from a file
        object or path.

        Raises `UsageError` for a path that is no regular file.
        """
        if isinstance(source, str | os.PathLike):
            with open_source(source) as f:
                return unixfs.add_file(self, f)
        if is_stream(source):
            return unixfs.add_file(self, source)
        return unixfs.add_file(self, memoryview(source).cast("B"))

    def open_file(self, root: CID) -> FileReader:
        """A verified random-access reader over a UnixFS file. Raises `BlockNotFound`, `DecodeError`."""
        return unixfs.open_file(self, root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _missing(self, cid: CID) -> BlockNotFound:
        return BlockNotFound(f"block {cid} is not in {self}", cid=cid)


def is_stream(source: BinaryIO | Buffer) -> TypeIs[BinaryIO]:
    """Whether a source is read, not looked at."""
    return hasattr(source, "read")


def open_source(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file to be put; raises `UsageError`."""
    if not Path(path).is_file():
        raise UsageError(f"{os.fspath(path)!r} is not a regular file", next_step="name a file that exists")
    try:
        return Path(path).open("rb")
    except OSError as e:
        raise UsageError(
            f"{os.fspath(path)!r} can't be read: {e.strerror}", next_step="mend its permissions"
        ) from e
