"""Directories: one block of links, or a HAMT once that block would grow too large; and symlinks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.unixfs import data as message
from cid_store.unixfs import hamt
from cid_store.unixfs.build import Built, Emit, emit_node
from cid_store.unixfs.data import NO_METADATA, Data, Kind, Metadata
from cid_store.unixfs.errors import BadUnixFS, NotADirectory, UnsupportedEntry
from cid_store.unixfs.node import Node
from cid_store.unixfs.profiles import Profile
from cid_store.unixfs.protobuf import varint

if TYPE_CHECKING:
    from cid_store.store import Store


class Entry(NamedTuple):
    """A name in a directory. `tsize`: bytes of all blocks below, as the directory claims; may be absent."""

    name: str
    cid: CID
    tsize: int | None


def build_directory(
    profile: Profile, emit: Emit, entries: Iterable[tuple[str, Built]], metadata: Metadata = NO_METADATA
) -> Built:
    """Emit the directory of these entries, in any order; raises `UnsupportedEntry` for impossible names."""
    named = sorted((_name_bytes(name), name, built) for name, built in entries)
    for (one, name, _), (other, _, _) in pairwise(named):
        if one == other:
            raise UnsupportedEntry(f"two entries are called {name!r}")
    size = sum(built.size for _, _, built in named)
    if _too_large(profile, named, metadata):
        items = [hamt.Item(hamt.name_hash(raw), name, built) for raw, name, built in named]
        return hamt.build(profile, emit, items, size, metadata)
    links = tuple(PBLink(built.cid, name, built.tsize) for _, name, built in named)
    return emit_node(profile, emit, PBNode(links, _body(metadata)), size)


def build_symlink(profile: Profile, emit: Emit, target: bytes, metadata: Metadata = NO_METADATA) -> Built:
    """Emit a symbolic link to `target`, whatever that is."""
    body = message.encode(Data(Kind.SYMLINK, target, metadata=metadata))
    return emit_node(profile, emit, PBNode((), body), 0)


def entries(store: Store, node: Node, visited: list[Block] | None = None) -> Iterator[Entry]:
    """Every entry, in the directory's order; raises `NotADirectory`, and `BadUnixFS` for two of one name.

    Blocks read on the way, but not that of `node`, are added to `visited`, which the caller may empty.
    """
    if node.kind is Kind.HAMT:
        yield from (Entry(*found) for found in hamt.entries(store, node, visited))
        return
    _require_directory(node)
    seen: set[str] = set()
    for link in node.links:
        name = link.name or ""
        if name in seen:
            raise BadUnixFS(f"directory {node.cid} has two entries called {name!r}", cid=node.cid)
        seen.add(name)
        yield Entry(name, link.hash, link.tsize)


def lookup(store: Store, node: Node, name: str, visited: list[Block] | None = None) -> CID | None:
    """The child called `name`: the first, where a directory wrongly has several.

    Blocks read on the way, but not that of `node`, are added to `visited`.
    """
    if node.kind is Kind.HAMT:
        return hamt.lookup(store, node, name, visited)
    _require_directory(node)
    return next((link.hash for link in node.links if (link.name or "") == name), None)


def _require_directory(node: Node) -> None:
    if node.kind is not Kind.DIRECTORY:
        raise NotADirectory(f"{node.cid} is a {node.kind.name.lower()}, not a directory", cid=node.cid)


def _name_bytes(name: str) -> bytes:
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise UnsupportedEntry(f"an entry can't be called {name!r}")
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise UnsupportedEntry(f"the name {name!r} is not UTF-8", next_step="rename it") from None


def _body(metadata: Metadata) -> bytes:
    return message.encode(Data(Kind.DIRECTORY, metadata=metadata))


def _too_large(profile: Profile, named: Sequence[tuple[bytes, str, Built]], metadata: Metadata) -> bool:
    """Whether the profile's estimate of one block's size is over its threshold. Stops counting once it is."""
    by_block = profile.estimate == "block"
    total = _field(len(_body(metadata))) if by_block else 0
    for raw, _, built in named:
        cid_size = len(built.cid.binary)
        if by_block:
            tsize = 1 + len(varint(built.tsize))
            total += _field(_field(cid_size) + _field(len(raw)) + tsize)
        else:
            total += len(raw) + cid_size
        if total > profile.threshold:
            return True
    return False


def _field(size: int) -> int:
    """Bytes that a protobuf field of `size` bytes takes: tag, length, content."""
    return 1 + len(varint(size)) + size
