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
    before = stored_bytes(store)
    built = add_tree(store, path, options)
    store.persist(closure(store, [built.cid]))
    home.keeper.pin(built.cid)
    return Kept(built.cid, built.size, growth(before, store))


def stored_bytes(store: Store) -> int | None:
    """Bytes on this machine's disk; None for a store that is elsewhere."""
    return store.stats().bytes if isinstance(store, LocalStore) else None


def growth(before: int | None, store: Store) -> int | None:
    """By how many bytes a store has grown since `stored_bytes` gave `before`; None where it can't tell."""
    after = stored_bytes(store)
    return None if before is None or after is None else max(0, after - before)
