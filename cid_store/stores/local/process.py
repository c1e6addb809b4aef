"""What one process has open of a local store, and the one way by which anything gets into it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from cid_store.block import Block
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Container
from cid_store.stores.local.files import Outline
from cid_store.stores.local.folder import Folder, sync_folder
from cid_store.stores.local.index import Index
from cid_store.stores.local.locks import Hold, locked
from cid_store.stores.local.mapped import Proven
from cid_store.stores.local.packs import Appender


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store has of a file already. `container`: the file itself, if it lies here whole."""

    container: int | None
    leaves: dict[bytes, int]
    complete: bool


class Process:
    """What one process has open. None of it may be used on the other side of a fork."""

    def __init__(self, folder: Folder, *, fsync: bool) -> None:
        self.pid = os.getpid()
        self.index = Index(folder, durable=fsync)
        self.appender = Appender(folder, self.index, fsync=fsync)
        self.hold = Hold(folder)
        self.proven = Proven()
        self._folder = folder
        self._fsync = fsync

    def close(self) -> None:
        """Close everything and end the hold."""
        self.appender.close()
        self.hold.release()
        self.index.close()

    def commit(
        self, blocks: Sequence[Block], file: Outline | None = None, path: Path | None = None
    ) -> int | None:
        """Keep blocks and, from `path`, the file whose nodes they are. Returns the bytes that came new to the
        disk.

        None: the file's bytes are not here, nor is a `path` to take them from; nothing was kept.

        Order matters: the hold, then bytes on disk, then their names, then the index. Between any two of
        these a kill leaves only what nobody was told of.
        """
        with locked(self._folder.lock, shared=True), self.appender.turn():
            self.hold.begin(self._advance)
            with self.index.reading() as db:
                now = entries.generation(db)
                held = entries.held(db, [b.cid.multihash for b in blocks])
                known = _known(db, file) if file else _Known(None, {}, complete=True)
            if file and path is None and not known.complete and known.container is None:
                return None
            new = list({b.cid.multihash: b for b in blocks if b.cid.multihash not in held}.values())
            placed = self.appender.append(new) if new else None
            added = sum(len(b.data) for b in new)
            if file and path and not known.complete and known.container is None:
                self._publish(path, self._folder.file(file.root))
                added += file.size
            late = self._sync_late([*held, *known.leaves])
            stale = [key for key, born in (held | known.leaves).items() if born < now]
            if placed or stale or late or not known.complete:
                with self.index.writing() as db:
                    if placed:
                        self.appender.commit(db, placed)
                    if file and not known.complete:
                        _enter(db, file, synced=self._fsync)
                    entries.touch(db, stale)
                    entries.mark_synced(db, late)
            return added

    def touch(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Make blocks as safe from `gc` as if they were put now; returns those that are held."""
        with locked(self._folder.lock, shared=True):
            self.hold.begin(self._advance)
            with self.index.writing() as db:
                held = entries.held(db, keys)
                entries.touch(db, held)
        return held

    def _advance(self) -> int:
        # What was put before this hold keeps its own, lower generation: the hold does not protect it.
        with self.index.writing() as db:
            return entries.advance(db)

    def _sync_late(self, keys: Sequence[bytes]) -> list[Container]:
        """Sync what is held already by the word of a writer without fsync: this one may promise more."""
        if not self._fsync or not keys:
            return []
        with self.index.reading() as db:
            late = entries.unsynced(db, keys)
        if late:
            durable(self._folder, [self._folder.container(c.root is not None, c.name) for c in late])
        return late

    def _publish(self, path: Path, target: Path) -> None:
        """Give a finished file its name."""
        fresh = not target.parent.exists()
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        if self._fsync:
            sync_folder(target.parent)
            if fresh:
                sync_folder(target.parent.parent)


def _known(db: Connection, file: Outline) -> _Known:
    keys = list({row.key for row in file.rows()})
    container = entries.file_of(db, file.root.multihash)
    leaves = entries.held(db, keys)
    return _Known(container.id if container else None, leaves, complete=len(leaves) == len(keys))


def _enter(db: Connection, file: Outline, *, synced: bool) -> None:
    # Looked up again inside the transaction: another process may have brought the same file meanwhile.
    found = entries.file_of(db, file.root.multihash)
    container = (
        found.id
        if found
        else entries.add_container(db, file.root.multihash, file.root, file.size, synced=synced)
    )
    entries.add_rows(db, container, file.rows())


def durable(folder: Folder, places: Iterable[Path]) -> None:
    """Make files and packs and their names durable."""
    parents = {folder.sub("files"), folder.sub("packs")}
    for path in places:
        with path.open("rb") as f:
            os.fsync(f.fileno())
        parents.add(path.parent)
    for parent in parents:
        sync_folder(parent)
