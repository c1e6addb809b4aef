"""Files: from leaves to a root, in the balanced layout.

The seam for stores that keep a file's bytes in their own way: hash the bytes (`cid_store.hashing`), hand
digests and lengths of consecutive leaves to a `FileBuilder`, and get the nodes above them as blocks; leaf
bytes never pass through.

    builder = FileBuilder(profile, emit)              # emit: Callable[[Block], None]; children come first
    for digest, size in hash_file(fd, profile.chunk, leaf_frame(profile)):
        builder.add(leaf(profile, digest, size))      # leaf(): a Built with the leaf's CID
    root = builder.finish()                           # Built(cid, size, tsize)

`emit` gets the interior nodes and, for a file without any leaf, the empty leaf. A file of one leaf has that
leaf as its root and no other node. Under `unixfs-v1-2025` a leaf block is exactly the file's bytes; under
`unixfs-v0-2015` it is `head + bytes + tail` with `head, tail = leaf_frame(profile)(size)`, and the digest is
over all three.

Memory is bounded by the height of the tree times its fan-out. `stream_file` does all of this over a stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from cid_store import hashing
from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.codecs import dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.hashing import Buffer, Frame, Readable
from cid_store.unixfs import data as message
from cid_store.unixfs.data import NO_METADATA, Data, Kind, Metadata
from cid_store.unixfs.profiles import Profile
from cid_store.unixfs.protobuf import varint

Emit = Callable[[Block], None]
"""Where builders hand their blocks: a store's batch, a CAR, or nothing at all."""


class Built(NamedTuple):
    """A finished DAG: its root, the bytes of content below it, and the bytes of all its blocks (Tsize)."""

    cid: CID
    size: int
    tsize: int


def discard(block: Block) -> None:
    """The `Emit` that keeps nothing: to compute a CID."""


def leaf_frame(profile: Profile) -> Frame:
    """What a leaf block holds around the file's bytes, by their number."""
    return hashing.unframed if profile.raw_leaves else file_frame


def file_frame(size: int, metadata: Metadata = NO_METADATA) -> tuple[bytes, bytes]:
    """What a dag-pb File node without links holds around `size` bytes."""
    head, tail = message.frame(Data(Kind.FILE, filesize=size, metadata=metadata), size)
    return b"\x0a" + varint(len(head) + size + len(tail)) + head, tail


def leaf(profile: Profile, digest: bytes, size: int) -> Built:
    """The leaf block whose sha2-256 is `digest` and which holds `size` bytes of a file."""
    if profile.raw_leaves:
        return Built(CID.sha256(RAW, digest), size, size)
    head, tail = file_frame(size)
    return Built(profile.node_cid(digest), size, len(head) + size + len(tail))


def emit_node(profile: Profile, emit: Emit, node: PBNode, size: int) -> Built:
    """Encode, name and emit a dag-pb node above `size` bytes of content."""
    encoded = dag_pb.encode(node)
    cid = profile.node_cid(hashlib.sha256(encoded).digest())
    emit(Block(cid, encoded))
    return Built(cid, size, len(encoded) + sum(link.tsize or 0 for link in node.links))


class FileBuilder:
    """Builds one file from its leaves, given in order. See the module's text."""

    def __init__(self, profile: Profile, emit: Emit, metadata: Metadata = NO_METADATA) -> None:
        self._profile = profile
        self._emit = emit
        self._metadata = metadata
        self._rows: list[list[Built]] = []

    def add(self, child: Built) -> None:
        """Take the next leaf."""
        self._add(0, child)

    def finish(self) -> Built:
        """Build what is left; returns the root.

        With metadata, a file of one leaf must come through `small_file`, which has its bytes.
        """
        if not self._rows:
            return small_file(self._profile, self._emit, b"", self._metadata)
        level = 0
        while level < len(self._rows) - 1:
            self._add(level + 1, self._node(self._rows[level], NO_METADATA))
            level += 1
        top = self._rows[level]
        return top[0] if len(top) == 1 else self._node(top, self._metadata)

    def _add(self, level: int, child: Built) -> None:
        if level == len(self._rows):
            self._rows.append([])
        row = self._rows[level]
        # A full row waits for one child more: only then is it known not to be the root.
        if len(row) == self._profile.max_links:
            self._add(level + 1, self._node(row, NO_METADATA))
            row.clear()
        row.append(child)

    def _node(self, children: list[Built], metadata: Metadata) -> Built:
        size = sum(child.size for child in children)
        sizes = tuple(child.size for child in children)
        body = message.encode(Data(Kind.FILE, filesize=size, blocksizes=sizes, metadata=metadata))
        # An empty name, not none: what every widely used writer does.
        links = tuple(PBLink(child.cid, "", child.tsize) for child in children)
        return emit_node(self._profile, self._emit, PBNode(links, body), size)


def small_file(profile: Profile, emit: Emit, content: Buffer, metadata: Metadata = NO_METADATA) -> Built:
    """A file of at most one chunk.

    A raw block can't carry metadata: with any, the leaf is a dag-pb File node under every profile.
    """
    if profile.raw_leaves and not metadata:
        cid = CID.sha256(RAW, hashlib.sha256(content).digest())
        emit(Block(cid, _immutable(content)))
        return Built(cid, len(content), len(content))
    head, tail = file_frame(len(content), metadata)
    block = b"".join((head, content, tail))
    cid = profile.node_cid(hashlib.sha256(block).digest())
    emit(Block(cid, block))
    return Built(cid, len(content), len(block))


def stream_file(
    profile: Profile, emit: Emit, source: Readable | Buffer, metadata: Metadata = NO_METADATA
) -> Built:
    """A whole file from a stream or buffer: emits every block, leaves included, and returns the root."""
    frame = leaf_frame(profile)
    builder = FileBuilder(profile, emit, metadata)
    for digest, content in hashing.hash_blocks(source, profile.chunk, frame):
        child = leaf(profile, digest, len(content))
        head, tail = frame(len(content))
        emit(Block(child.cid, b"".join((head, content, tail)) if head else _immutable(content)))
        builder.add(child)
    return builder.finish()


def measure_file(profile: Profile, fd: int, metadata: Metadata = NO_METADATA) -> Built:
    """What `stream_file` would build from the open regular file `fd`, with no bytes kept."""
    builder = FileBuilder(profile, discard, metadata)
    for digest, size in hashing.hash_file(fd, profile.chunk, leaf_frame(profile)):
        builder.add(leaf(profile, digest, size))
    return builder.finish()


def _immutable(content: Buffer) -> bytes | memoryview:
    # Whoever gets the block keeps it, while the caller may write to its buffer again.
    if isinstance(content, bytes):
        return content
    view = memoryview(content)
    return view if view.readonly else bytes(view)
