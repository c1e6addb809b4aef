"""Files and folders as they are: kept as UnixFS, with no rows read out of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cid_store import Store
from cid_store.cid import CID
from cid_store.stores.local import LocalStore
from cid_store.unixfs import AddOptions, add_tree
from codata.closure import closure
from codata.home import Home


@dataclass(frozen=True)
class Kept:
    """A root, the bytes of content below it, and by how many bytes the store grew where it can tell."""

    root: CID
    bytes: int
    new_bytes: int | None


def keep(home: Home, path: Path, options: AddOptions) -> Kept:
    """Keep a file or folder: durable and pinned when this returns. Raises what `add_tree` raises."""
    store = home.store
    before = _held(store)
    built = add_tree(store, path, options)
    store.persist(closure(store, [built.cid]))
    home.keeper.pin(built.cid)
    after = _held(store)
    grown = None if before is None or after is None else max(0, after - before)
    return Kept(built.cid, built.size, grown)


def _held(store: Store) -> int | None:
    return store.stats().bytes if isinstance(store, LocalStore) else None
