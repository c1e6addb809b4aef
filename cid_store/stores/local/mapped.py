"""Reading a file that lies contiguous: a memory map, each block proven when it is first touched."""

from __future__ import annotations

import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cid_store.cid import CID, RAW
from cid_store.codecs import dag_pb
from cid_store.errors import CorruptBlock, UsageError
from cid_store.hashing import hash_blocks, sha256_many
from cid_store.stores.local.files import CHUNK
from cid_store.unixfs import FileReader

if TYPE_CHECKING:
    from cid_store.store import Store

_REMEMBERED: Final = 1 << 16  # files; about a hundred bytes each
_MAX_DEPTH: Final = 8  # 1,024 children a node: far beyond any file


class Proven:
    """Which chunks of which files this process has proven already; the files used longest ago are forgotten
    first.

    Keyed by the file as it lies on disk, so that one that was replaced or written to is proven anew.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._files: OrderedDict[tuple[int, ...], bytearray] = OrderedDict()

    def chunks(self, stat: os.stat_result, count: int) -> bytearray:
        """One byte a chunk, 1 where it is proven; shared by all readers of the file."""
        key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        with self._mutex:
            known = self._files.setdefault(key, bytearray(count))
            self._files.move_to_end(key)
            if len(self._files) > _REMEMBERED:
                self._files.popitem(last=False)
            return known


class MappedReader(FileReader):
    """A reader over a file of the local store. `view` is the map itself: it costs no copy, and stays valid by
    itself.
    """

    def __init__(self, path: Path, root: CID, leaves: list[CID], proven: Proven) -> None:
        """Raises `FileNotFoundError`, `CorruptBlock` where the length can't be right."""
        self._path = path
        self._leaves = leaves
        with path.open("rb", buffering=0) as f:
            stat = os.fstat(f.fileno())
            self.size = stat.st_size
            if -(-self.size // CHUNK) != len(leaves):
                raise CorruptBlock(
                    f"file {path} has {self.size} bytes, which is not what {root} holds", cid=root
                )
            self._map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self._proven = proven.chunks(stat, len(leaves))

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes from `offset` on; proves the blocks that hold them."""
        return b"".join(self.chunks(offset, length))

    def chunks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes | memoryview]:
        """Pieces of the map, each proven."""
        if offset < 0 or (length is not None and length < 0):
            raise UsageError(f"a range can't begin at {offset} and have {length} bytes")
        stop = self.size if length is None else min(self.size, offset + length)
        view = memoryview(self._map)
        while offset < stop:
            number = offset // CHUNK
            end = min(stop, (number + 1) * CHUNK)
            self._prove(number)
            yield view[offset:end]
            offset = end

    def view(self, offset: int = 0, length: int | None = None) -> memoryview:
        """A part of the map itself, by default all of it; unproven chunks are hashed on all cores."""
        stop = self.size if length is None else min(self.size, offset + length)
        first, last = offset // CHUNK, -(-stop // CHUNK)
        view = memoryview(self._map)
        if not any(self._proven[first:last]):
            for number, (digest, _) in enumerate(
                hash_blocks(view[first * CHUNK : last * CHUNK], CHUNK), first
            ):
                self._compare(number, digest)
        for number in range(first, last):
            self._prove(number)
        return view[offset:stop]

    def _prove(self, number: int) -> None:
        if not self._proven[number]:
            with memoryview(self._map) as view, view[number * CHUNK : (number + 1) * CHUNK] as chunk:
                (digest,) = sha256_many([chunk])
            self._compare(number, digest)

    def _compare(self, number: int, digest: bytes) -> None:
        cid = self._leaves[number]
        if digest != cid.digest:
            raise CorruptBlock(
                f"block {cid}, {number * CHUNK} bytes into {self._path}, does not match its hash", cid=cid
            )
        self._proven[number] = 1


def leaves_of(store: Store, root: CID, depth: int = 0) -> Iterator[CID]:
    """The leaves in order under a root that `put_file` made. Raises `CorruptBlock` where it can't have."""
    if root.codec == RAW:
        yield root
        return
    if depth == _MAX_DEPTH:
        raise CorruptBlock(f"the tree of a stored file is over {_MAX_DEPTH} nodes deep at {root}", cid=root)
    for link in dag_pb.decode(bytes(store.get(root))).links:
        yield from leaves_of(store, link.hash, depth + 1)
