"""Checking a store: every byte hashed again, index and disk held against each other both ways.

The index says what is held; the disk proves it. Where the index is lost, all on the disk that proves right is
held. Bytes that are wrong go to `quarantine`; nothing good is deleted. Writers wait meanwhile; readers do
not.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cid_store.cid import CID
from cid_store.errors import InvalidCID
from cid_store.stores.local import entries
from cid_store.stores.local.check_files import adopt_file, check_file
from cid_store.stores.local.check_packs import adopt_pack, check_pack
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.index import Index, LostIndex
from cid_store.stores.local.locks import in_use, locked
from cid_store.stores.local.report import CheckReport, Notes

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def check(folder: Folder, *, repair: bool) -> CheckReport:
    """Check the whole store; `repair` what can be. See the module's text."""
    notes = Notes(repair)
    with locked(folder.lock):
        _temp_files(folder, notes)
        index = _open_index(folder, notes)
        if index is None:
            return notes.report()
        try:
            _listed(folder, index, notes)
            _unlisted(folder, index, notes)
        finally:
            index.close()
    return notes.report()


def _temp_files(folder: Folder, notes: Notes) -> None:
    for path in sorted(folder.sub("tmp").iterdir()) + sorted(folder.root.glob(".FORMAT-*")):
        if not in_use(path):
            notes.left("temp-file", path, "removed")
            if notes.repair:
                path.unlink(missing_ok=True)


def _open_index(folder: Folder, notes: Notes) -> Index | None:
    try:
        index = Index(folder, durable=True)
        with index.reading() as db:
            if db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return index
        index.close()
    except LostIndex:
        pass
    except sqlite3.DatabaseError as e:
        if getattr(e, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _BROKEN:
            raise
    notes.damaged("index", folder.index, None, "rebuilt from files and packs; the old one is in quarantine")
    return _fresh_index(folder) if notes.repair else None


def _fresh_index(folder: Folder) -> Index:
    """An empty index: everything on the disk is then found to be unlisted, and adopted."""
    for suffix in ("-wal", "-shm", ""):
        path = folder.index.with_name(folder.index.name + suffix)
        if path.exists():
            folder.quarantine(path)
    index = Index(folder, durable=True, rebuild=True)
    newest = max((int(p.name.partition("-")[0]) for p in folder.sub("holds").iterdir()), default=0)
    with index.writing() as db:
        # Above every hold: what is adopted must be as safe as it was.
        entries.advance(db, newest)
    return index


def _listed(folder: Folder, index: Index, notes: Notes) -> None:
    """Every container of the index, against the disk."""
    with index.reading() as db:
        entries.locate(db)
        for container in entries.containers(db):
            examine = check_pack if container.root is None else check_file
            examine(folder, index, db, container, notes)
        db.execute("DROP TABLE temp.located")


def _unlisted(folder: Folder, index: Index, notes: Notes) -> None:
    """Everything on the disk, against the index. Packs first: they hold the nodes of files."""
    with index.reading() as db:
        packs = {c.name for c in entries.containers(db) if c.root is None}
    for path in sorted(folder.sub("packs").iterdir()):
        if path.stem not in packs:
            adopt_pack(folder, index, path, notes)
    for shelf in sorted(folder.sub("files").iterdir()):
        for path in sorted(shelf.iterdir()):
            if not _is_listed(index, path):
                adopt_file(folder, index, path, notes)


def _is_listed(index: Index, path: Path) -> bool:
    try:
        root = CID(path.name)
    except InvalidCID:
        return False
    with index.reading() as db:
        file = entries.file_of(db, root.multihash)
    return file is not None and file.name == path.name
