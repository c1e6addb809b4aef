"""HAMT directories: a trie over hashed names, for directories that one block can't hold.

A node of fan-out F uses log2(F) bits of a name's hash, highest first. Its bitfield (Data) has bit i set where
bucket i is taken: a big-endian number without leading zero bytes. A link's name is the bucket in upper-case
hex, and after it the entry's name where the link is an entry and not a deeper node.

Source: the UnixFS specification, and where it misleads, the CIDs that Kubo makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import mmh3

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.unixfs import data as message
from cid_store.unixfs.build import Built, Emit, emit_node
from cid_store.unixfs.data import MURMUR3_X64_64, NO_METADATA, Data, Kind, Metadata
from cid_store.unixfs.errors import BadUnixFS, UnsupportedEntry
from cid_store.unixfs.node import Node, load
from cid_store.unixfs.profiles import Profile

if TYPE_CHECKING:
    from cid_store.store import Store

HASH_BITS: Final = 64
MAX_FANOUT: Final = 1024


class Item(NamedTuple):
    """An entry to build from. Sorts by hash, then by name."""

    hash: int
    name: str
    built: Built


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a fan-out decides."""

    fanout: int

    @property
    def bits(self) -> int:
        """Bits of the hash that a level uses."""
        return self.fanout.bit_length() - 1

    @property
    def levels(self) -> int:
        """Levels after which the hash is used up."""
        return HASH_BITS // self.bits

    @property
    def width(self) -> int:
        """Characters of a bucket's prefix."""
        return len(f"{self.fanout - 1:X}")

    def bucket(self, hash_: int, level: int) -> int:
        """The bucket that a hash takes at a level, 0 at the root."""
        return hash_ >> (HASH_BITS - self.bits * (level + 1)) & (self.fanout - 1)

    def prefix(self, bucket: int) -> str:
        """The bucket as link names begin."""
        return f"{bucket:0{self.width}X}"


def name_hash(name: bytes) -> int:
    """The 64 bits that place a name: the first half of murmur3-x64-128 with seed 0."""
    return mmh3.hash64(name, seed=0, x64arch=True, signed=False)[0]


def build(
    profile: Profile, emit: Emit, items: Sequence[Item], size: int, metadata: Metadata = NO_METADATA
) -> Built:
    """Emit the HAMT of `items`, `size` bytes of content; raises `UnsupportedEntry` where hashes collide."""
    return _build(profile, emit, sorted(items), 0, size, metadata)


def _build(
    profile: Profile, emit: Emit, items: Sequence[Item], level: int, size: int, metadata: Metadata
) -> Built:
    shape = _Shape(profile.fanout)
    if level == shape.levels:
        names = ", ".join(repr(item.name) for item in items[:2])
        raise UnsupportedEntry(
            f"the names {names} have one hash and can't be in one directory", next_step="rename one"
        )
    links, field = [], 0
    for bucket, group in groupby(items, key=lambda item: shape.bucket(item.hash, level)):
        found = list(group)
        field |= 1 << bucket
        if len(found) == 1:
            name, child = shape.prefix(bucket) + found[0].name, found[0].built
        else:
            below = sum(item.built.size for item in found)
            name = shape.prefix(bucket)
            child = _build(profile, emit, found, level + 1, below, NO_METADATA)
        links.append(PBLink(child.cid, name, child.tsize))
    body = Data(
        Kind.HAMT,
        field.to_bytes((field.bit_length() + 7) // 8, "big"),
        hash_type=MURMUR3_X64_64,
        fanout=profile.fanout,
        metadata=metadata,
    )
    return emit_node(profile, emit, PBNode(tuple(links), message.encode(body)), size)


class Slot(NamedTuple):
    """A taken bucket of a node. `name` is None where the link is a deeper node."""

    bucket: int
    name: str | None
    link: PBLink


def slots(node: Node) -> list[Slot]:
    """The taken buckets of a HAMT node, checked against its bitfield; raises `BadUnixFS`."""
    shape = _shape(node)
    if len(node.data.data) > shape.fanout // 8 + 1 or len(node.links) > shape.fanout:
        raise _bad(node, "holds more than its fan-out allows")
    found, field = [], 0
    for link in node.links:
        prefix, rest = (link.name or "")[: shape.width], (link.name or "")[shape.width :]
        bucket = _bucket_of(prefix, shape)
        if bucket is None or field >> bucket & 1:
            raise _bad(node, f"has a link named {link.name!r}")
        field |= 1 << bucket
        found.append(Slot(bucket, rest or None, link))
    if field != int.from_bytes(node.data.data, "big"):
        raise _bad(node, "has a bitfield that does not agree with its links")
    return found


def entries(
    store: Store, root: Node, visited: list[Block] | None = None
) -> Iterator[tuple[str, CID, int | None]]:
    """Name, CID and Tsize of every entry, in the order of the trie. Blocks read join `visited`.

    Each name must hash to where it stands: so no entry hides from `lookup`, and no repeated node can make a
    small DAG list forever.
    """
    return _entries(store, root, _shape(root), 0, 0, visited)


def _entries(
    store: Store, node: Node, shape: _Shape, level: int, path: int, visited: list[Block] | None
) -> Iterator[tuple[str, CID, int | None]]:
    shift = HASH_BITS - shape.bits * (level + 1)
    for slot in slots(node):
        here = path << shape.bits | slot.bucket
        if slot.name is None:
            child = _descend(store, node, slot, shape, level, visited)
            yield from _entries(store, child, shape, level + 1, here, visited)
        elif name_hash(slot.name.encode()) >> shift != here:
            raise _bad(node, f"holds {slot.name!r} in a bucket that is not its own")
        else:
            yield slot.name, slot.link.hash, slot.link.tsize


def lookup(store: Store, root: Node, name: str, visited: list[Block] | None = None) -> CID | None:
    """The entry called `name`. Blocks read below the root join `visited`."""
    shape, node = _shape(root), root
    hash_ = name_hash(name.encode("utf-8", "surrogateescape"))
    for level in range(shape.levels):
        bucket = shape.bucket(hash_, level)
        slot = next((s for s in slots(node) if s.bucket == bucket), None)
        if slot is None:
            return None
        if slot.name is not None:
            return slot.link.hash if slot.name == name else None
        node = _descend(store, node, slot, shape, level, visited)
    return None


def _descend(
    store: Store, parent: Node, slot: Slot, shape: _Shape, level: int, visited: list[Block] | None
) -> Node:
    if level + 1 == shape.levels:
        raise _bad(parent, "goes deeper than names have bits")
    child = load(store, slot.link.hash)
    if child.kind is not Kind.HAMT or child.data.fanout != shape.fanout or not child.links:
        raise _bad(parent, f"links to {child.cid}, which is no node of the same HAMT")
    if visited is not None:
        visited.append(child.block)
    return child


def _shape(node: Node) -> _Shape:
    fanout = node.data.fanout or 0
    if node.data.hash_type != MURMUR3_X64_64:
        raise _bad(node, f"uses hash function {node.data.hash_type}, not murmur3-x64-64")
    if not 8 <= fanout <= MAX_FANOUT or fanout & (fanout - 1):
        raise _bad(node, f"has a fan-out of {fanout}; it must be a power of two from 8 to {MAX_FANOUT}")
    return _Shape(fanout)


def _bucket_of(prefix: str, shape: _Shape) -> int | None:
    try:
        bucket = int(prefix, 16)
    except ValueError:
        return None
    return bucket if bucket < shape.fanout and prefix == shape.prefix(bucket) else None


def _bad(node: Node, what: str) -> BadUnixFS:
    return BadUnixFS(f"HAMT node {node.cid} {what}", cid=node.cid)
