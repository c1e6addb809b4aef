"""From a content path to the CID at its end, with every block that proves the way.

UnixFS directories by name; DAG-CBOR and DAG-JSON by key or index, through links. Symlinks are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cid_store import Store, codecs
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, DAG_JSON
from cid_store.errors import LimitExceeded
from cid_store.unixfs.errors import PathNotFound
from cid_store.unixfs.paths import follow
from codata.provider.path import ContentPath

MAX_PASSED: Final = 32 * 1024 * 1024
"""Bytes of blocks between a root and the end of a path: they are in memory at once."""

_INDEX: Final = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Resolved:
    """`roots`: the CID of the root and of what each name leads to, or lies in; the end is the last. `passed`:
    the blocks read before that end.
    """

    roots: tuple[CID, ...]
    passed: tuple[Block, ...]

    @property
    def end(self) -> CID:
        """What the path names."""
        return self.roots[-1]


def resolve(store: Store, path: ContentPath) -> Resolved:
    """Follow a path. A path that ends inside a node names that node.

    Raises `BlockNotFound`, `PathNotFound`, `NotADirectory`, `DecodeError`, `LimitExceeded`.
    """
    roots, passed = [path.root], list[Block]()
    names: Sequence[str] = path.names
    while names:
        cid = roots[-1]
        if cid.codec in (DAG_CBOR, DAG_JSON):
            block = Block(cid, store.get(cid))
            left, target = _inside(block, names)
            if target is None:
                roots += [cid] * len(names)
                break
            passed.append(block)
            roots += [cid] * (len(names) - len(left) - 1)
            names = left
        else:
            target = follow(store, cid, (names[0],), passed)
            names = names[1:]
        roots.append(target)
        if sum(len(block.data) for block in passed) > MAX_PASSED:
            raise LimitExceeded(f"the blocks on the way to {path} are over {MAX_PASSED} bytes", cid=path.root)
    return Resolved(tuple(roots), tuple(passed))


def _inside(block: Block, names: Sequence[str]) -> tuple[Sequence[str], CID | None]:
    """Follow names inside one node to the first link: the names left after it, and its target."""
    value: Any = codecs.by_code(block.cid.codec).decode(block.data)
    for at, name in enumerate(names):
        value = _step(block.cid, value, name)
        if isinstance(value, CID):
            return names[at + 1 :], value
    return (), None


def _step(cid: CID, value: Any, name: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    if isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
        return value[int(name)]
    raise PathNotFound(f"there is no {name[:100]!r} in {cid}", cid=cid)
