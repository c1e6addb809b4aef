"""Listing: what a directory holds, and what each entry is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cid_store.cid import CID, DAG_PB, RAW
from cid_store.unixfs.data import NO_METADATA, Kind, Metadata
from cid_store.unixfs.directory import entries
from cid_store.unixfs.node import load

if TYPE_CHECKING:
    from cid_store.store import Store

EntryKind = Literal["file", "directory", "symlink", "other"]

_KINDS: Final[dict[Kind, EntryKind]] = {
    Kind.RAW: "file",
    Kind.FILE: "file",
    Kind.DIRECTORY: "directory",
    Kind.HAMT: "directory",
    Kind.SYMLINK: "symlink",
    Kind.METADATA: "other",
}


class Stat(NamedTuple):
    """What a CID names. `size`: bytes of a file's content, 0 for anything else. `target`: a symlink's."""

    cid: CID
    kind: EntryKind
    size: int
    target: bytes | None = None
    metadata: Metadata = NO_METADATA


class Listed(NamedTuple):
    """A directory's entry. `size`: bytes of a file's content as its directory or root block states it."""

    name: str
    cid: CID
    size: int
    kind: EntryKind


def stat(store: Store, cid: CID) -> Stat:
    """What `cid` is: content of codecs that UnixFS does not know is `other`."""
    if cid.codec not in (RAW, DAG_PB):
        return Stat(cid, "other", 0)
    node = load(store, cid)
    kind = _KINDS[node.kind]
    return Stat(
        cid,
        kind,
        size=node.data.filesize or 0 if kind == "file" else 0,
        target=bytes(node.data.data) if kind == "symlink" else None,
        metadata=node.metadata,
    )


def ls(store: Store, cid: CID) -> Iterator[Listed]:
    """The entries of a directory. Raises `NotADirectory`, and `BlockNotFound` where an entry's root is
    absent.

    One block is fetched for each entry, but for raw leaves: those are files of the size that the directory
    states.
    """
    for entry in entries(store, load(store, cid)):
        if entry.cid.codec == RAW and entry.tsize is not None:
            yield Listed(entry.name, entry.cid, entry.tsize, "file")
        else:
            found = stat(store, entry.cid)
            yield Listed(entry.name, entry.cid, found.size, found.kind)
