"""Reading files: any range of bytes, fetching only the blocks that hold it.

Balanced and trickle trees, raw and dag-pb leaves, bytes inline in interior nodes and in identity CIDs. What a
node claims about sizes is held against what its children are, so that a byte is never served from the wrong
place. Every step down narrows to a child that holds a wanted byte, and depth is bounded: work is proportional
to bytes asked for, however large a file the root claims to be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import LimitExceeded, UsageError
from cid_store.unixfs.errors import BadUnixFS, NotAFile
from cid_store.unixfs.node import FILE_KINDS, Node, decode, load

if TYPE_CHECKING:
    from cid_store.store import Store

MAX_DEPTH: Final = 64
"""Nodes from root to leaf. With two children a node, 64 levels hold any size that 63 bits can count."""

_MAX_SIZE: Final = (1 << 63) - 1
_PIECE: Final = 1024 * 1024
_KEPT_NODES: Final = (
    32  # interior nodes a reader keeps decoded: random access then costs one block, not a path
)


class FileReader(ABC):
    """A file's bytes, every one proven before it is handed out. Safe to use from several threads."""

    size: int
    """Bytes of content."""

    @abstractmethod
    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes from `offset` on; fewer where the file ends."""

    def chunks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes | memoryview]:
        """The same bytes in pieces, so that a large range need not be in memory at once."""
        stop = self.size if length is None else min(self.size, offset + length)
        for at in range(offset, stop, _PIECE):
            yield self.read(at, min(_PIECE, stop - at))

    def view(self, offset: int = 0, length: int | None = None) -> memoryview:
        """`length` bytes from `offset`, by default all, read-only; only these are proven."""
        return memoryview(self.read(offset, length))


@dataclass(frozen=True, slots=True)
class _Tree:
    """A file node made ready for seeking. `starts[i]` is the offset of child i in this node's bytes."""

    node: Node
    starts: tuple[int, ...]
    size: int


class DagReader(FileReader):
    """A reader over a UnixFS file in any store."""

    def __init__(self, store: Store, root: CID | Node) -> None:
        """Raises `BlockNotFound`, `NotAFile`, `BadUnixFS`."""
        self._store = store
        node = root if isinstance(root, Node) else load(store, root)
        if node.kind not in FILE_KINDS:
            raise NotAFile(f"{node.cid} is a {node.kind.name.lower()}, not a file", cid=node.cid)
        self._root = _tree(node)
        self._kept: dict[CID, _Tree] = {}
        self.size = self._root.size
        self.metadata = node.metadata

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """At most `length` bytes from `offset` on."""
        return b"".join(self.chunks(offset, length))

    def chunks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes | memoryview]:
        """Bytes in pieces, as they lie in the leaves."""
        for _, piece in self.blocks(offset, length):
            if piece:
                yield piece

    def view(self, offset: int = 0, length: int | None = None) -> memoryview:
        """As in the base; of a single block without a copy."""
        if self._root.node.links:
            return super().view(offset, length)
        stop = None if length is None else offset + length
        return memoryview(self._root.node.data.data).toreadonly()[offset:stop]

    def blocks(
        self, offset: int = 0, length: int | None = None
    ) -> Iterator[tuple[Block, bytes | memoryview]]:
        """The blocks that a range needs, depth first, root always; each with the bytes that it adds to the
        range.

        A block that stands at several places in the file comes once for each.
        """
        if offset < 0 or (length is not None and length < 0):
            raise UsageError(f"a range can't begin at {offset} and have {length} bytes")
        stop = self.size if length is None else min(self.size, offset + length)
        return self._walk(self._root, min(offset, stop), stop, 0)

    def _walk(
        self, tree: _Tree, low: int, high: int, depth: int
    ) -> Iterator[tuple[Block, bytes | memoryview]]:
        """Bytes `low` to `high` of `tree`, which are counted from its own beginning."""
        inline = tree.node.data.data
        yield tree.node.block, inline[low:high] if low < len(inline) else b""
        wanted = _children(tree, low, high)
        if not wanted:
            return
        if depth == MAX_DEPTH:
            raise LimitExceeded(
                f"the file's tree is over {MAX_DEPTH} nodes deep at {tree.node.cid}", cid=tree.node.cid
            )
        for index, child in zip(wanted, self._fetch(tree, wanted), strict=True):
            start = tree.starts[index]
            yield from self._walk(child, max(low - start, 0), min(high - start, child.size), depth + 1)

    def _fetch(self, tree: _Tree, wanted: list[int]) -> Iterator[_Tree]:
        links = tree.node.links
        if len(wanted) == 1:
            index = wanted[0]
            yield self._kept.get(links[index].hash) or self._take(tree, index, None)
            return
        # In one request: a store with latency fetches ahead.
        blocks = self._store.get_many([links[index].hash for index in wanted])
        for index, block in zip(wanted, blocks, strict=True):
            yield self._take(tree, index, block)

    def _take(self, parent: _Tree, index: int, block: Block | None) -> _Tree:
        cid = parent.node.links[index].hash
        node = load(self._store, cid) if block is None else decode(block)
        if node.kind not in FILE_KINDS:
            raise BadUnixFS(f"file {parent.node.cid} links to {cid}, a {node.kind.name.lower()}", cid=cid)
        child = _tree(node)
        claimed = parent.node.data.blocksizes[index]
        if child.size != claimed:
            raise BadUnixFS(
                f"{parent.node.cid} says that {cid} holds {claimed} bytes; it holds {child.size}", cid=cid
            )
        if node.links:
            self._keep(child)
        return child

    def _keep(self, tree: _Tree) -> None:
        while len(self._kept) >= _KEPT_NODES:
            # The oldest goes; another thread may have taken it first.
            self._kept.pop(next(iter(self._kept.copy()), tree.node.cid), None)
        self._kept[tree.node.cid] = tree


def open_file(store: Store, root: CID) -> FileReader:
    """A verified random-access reader. Raises `BlockNotFound`, `NotAFile`, `BadUnixFS`."""
    return DagReader(store, root)


def _children(tree: _Tree, low: int, high: int) -> list[int]:
    """The children that hold bytes of the range, by index."""
    low = max(low, len(tree.node.data.data))
    if low >= high:
        return []
    sizes = tree.node.data.blocksizes
    near = range(bisect_right(tree.starts, low) - 1, bisect_right(tree.starts, high - 1))
    return [index for index in near if sizes[index]]


def _tree(node: Node) -> _Tree:
    """Check what a file node says of itself; raises `BadUnixFS`."""
    data, cid = node.data, node.cid
    if len(data.blocksizes) != len(node.links):
        raise BadUnixFS(
            f"file {cid} has {len(node.links)} links and {len(data.blocksizes)} blocksizes", cid=cid
        )
    if any(link.name for link in node.links):
        raise BadUnixFS(f"file {cid} has links with names", cid=cid)
    *starts, size = accumulate(data.blocksizes, initial=len(data.data))
    if size > _MAX_SIZE or size != (data.filesize or 0):
        raise BadUnixFS(
            f"file {cid} says that it has {data.filesize or 0} bytes; its parts have {size}", cid=cid
        )
    return _Tree(node, tuple(starts), size)
