"""Where a tree's blocks go: into a store, or nowhere when only the CID is asked for."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self

from cid_store.block import Block
from cid_store.unixfs.build import Built, discard, measure_file, stream_file
from cid_store.unixfs.data import NO_METADATA, Metadata
from cid_store.unixfs.node import dag_size, load
from cid_store.unixfs.profiles import V1_2025, Profile

if TYPE_CHECKING:
    from cid_store.store import Store

BATCH_BYTES: Final = 16 * 1024 * 1024
BATCH_BLOCKS: Final = 1024


class Sink(Protocol):
    """What adding needs of its destination."""

    def emit(self, block: Block) -> None:
        """Take a block; its children came before."""

    def file(self, source: BinaryIO, profile: Profile, metadata: Metadata) -> Built:
        """Take an open file of more than one chunk, from its beginning."""


class NullSink:
    """Keeps nothing: names content."""

    emit = staticmethod(discard)

    def file(self, source: BinaryIO, profile: Profile, metadata: Metadata) -> Built:
        """Hash without keeping bytes."""
        return measure_file(profile, source.fileno(), metadata)


class StoreSink:
    """Gathers blocks and puts them in a store, many at a time. All are there once the `with` block ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batch: list[Block] = []
        self._bytes = 0

    def emit(self, block: Block) -> None:
        """Take a block."""
        self._batch.append(block)
        self._bytes += len(block.data)
        if self._bytes >= BATCH_BYTES or len(self._batch) >= BATCH_BLOCKS:
            self.flush()

    def file(self, source: BinaryIO, profile: Profile, metadata: Metadata) -> Built:
        """Leave files to the store where it can keep them whole: under its own profile, without metadata."""
        if profile != V1_2025 or metadata != NO_METADATA:
            return stream_file(profile, self.emit, source, metadata)
        self.flush()
        root = load(self._store, self._store.put_file(source))
        return Built(root.cid, root.data.filesize or 0, dag_size(root))

    def flush(self) -> None:
        """Put what was gathered."""
        batch, self._batch, self._bytes = self._batch, [], 0
        if batch:
            self._store.put_many(batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
