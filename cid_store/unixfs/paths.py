"""Paths: from a root's CID through directories to what they name.

`CID/a/b`, `/ipfs/CID/a/b` and `ipfs://CID/a/b`. Symlinks on the way are not followed: where they should lead
from inside a DAG is not agreed among implementations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import InvalidCID, LimitExceeded, UsageError
from cid_store.unixfs.directory import lookup
from cid_store.unixfs.errors import NotADirectory, PathNotFound
from cid_store.unixfs.node import DIRECTORY_KINDS, load

if TYPE_CHECKING:
    from cid_store.store import Store

MAX_PATH: Final = 64 * 1024  # characters; twice what any operating system opens
_PREFIXES: Final = ("/ipfs/", "ipfs://", "ipfs/")


class ParsedPath(NamedTuple):
    """A root and the names below it."""

    root: CID
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.root, *self.names))


def parse(path: str) -> ParsedPath:
    """Take a path apart. `.` stays where it is and `..` goes up, never above the root; empty names are
    ignored.

    Raises `InvalidCID`, `UsageError`, `LimitExceeded`.
    """
    if len(path) > MAX_PATH:
        raise LimitExceeded(f"a path of {len(path)} characters is over the limit of {MAX_PATH}")
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            path = path[len(prefix) :]
            break
    root, *rest = path.split("/")
    if not root:
        raise InvalidCID("the path does not begin with a CID")
    names: list[str] = []
    for name in rest:
        if name == "..":
            if not names:
                raise UsageError(f"the path {path[:200]!r} leaves its root", next_step="drop the `..`")
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    return ParsedPath(CID(root), tuple(names))


def resolve(store: Store, path: str) -> CID:
    """The CID that a path names. Raises `PathNotFound`, `NotADirectory`, and what reading blocks raises."""
    parsed = parse(path)
    return follow(store, parsed.root, parsed.names)


def follow(store: Store, root: CID, names: tuple[str, ...], visited: list[Block] | None = None) -> CID:
    """The CID under `root` at these names. The blocks read on the way are added to `visited`, in order."""
    cid = root
    for depth, name in enumerate(names):
        node = load(store, cid)
        if visited is not None:
            visited.append(node.block)
        here = ParsedPath(root, names[:depth])
        if node.kind not in DIRECTORY_KINDS:
            raise NotADirectory(f"{here} is a {node.kind.name.lower()}: nothing can lie below it", cid=cid)
        found = lookup(store, node, name, visited)
        if found is None:
            raise PathNotFound(f"there is no {name!r} in {here}", cid=cid)
        cid = found
    return cid
