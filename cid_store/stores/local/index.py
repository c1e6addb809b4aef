"""The index: which block lies where. A cache of what the files and packs say; `check` can rebuild it from
them.

SQLite in WAL mode. Connections are lent from a pool, never kept by a thread, so that closing a store closes
them all. Schema in `docs/spec/local-store.md`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cid_store.errors import StoreError
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.locks import locked

VERSION: Final = 1
"""Of the schema; kept in SQLite's `user_version`."""

BUSY_SECONDS: Final = 120

_SCHEMA: Final = (
    "CREATE TABLE containers (id INTEGER PRIMARY KEY AUTOINCREMENT, root BLOB UNIQUE, name TEXT NOT NULL,"
    " size INTEGER NOT NULL, synced INTEGER NOT NULL)",
    "CREATE TABLE blocks (key BLOB NOT NULL, container INTEGER NOT NULL, start INTEGER NOT NULL,"
    " length INTEGER NOT NULL, codec INTEGER NOT NULL, born INTEGER NOT NULL, PRIMARY KEY (key, container))"
    " WITHOUT ROWID",
    "CREATE TABLE generation (value INTEGER NOT NULL)",
    "INSERT INTO generation VALUES (1)",
    f"PRAGMA user_version = {VERSION}",
)


class LostIndex(StoreError):
    """Files and packs are there, and no index over them."""

    default_next = "run `codata check`: it rebuilds the index from the files and packs"


class Index:
    """Connections to one index. `durable`: a commit is on the disk when it returns. `rebuild`: it may begin
    empty.
    """

    def __init__(self, folder: Folder, *, durable: bool, rebuild: bool = False) -> None:
        self._folder = folder
        self._path = folder.index
        self._durable = durable
        self._rebuild = rebuild
        self._idle: list[tuple[sqlite3.Connection, int]] = []
        self._mutex = threading.Lock()

    def inode(self) -> int:
        """Which index file this is, 0 for none: another one once `check` has rebuilt it."""
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        try:
            if _version(db) != VERSION:
                # Two processes that turn to WAL at once would not wait for each other.
                with locked(self._folder.sub("setup.lock")):
                    _set_up(db, None if self._rebuild else self._folder)
            db.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            db.execute("PRAGMA cache_size = -32768")
            db.execute("PRAGMA temp_store = FILE")
        except BaseException:
            db.close()
            raise
        return db

    def _lend(self) -> tuple[sqlite3.Connection, int]:
        inode = self.inode()
        with self._mutex:
            while self._idle:
                db, of = self._idle.pop()
                # Another process may have put a rebuilt index in the place of the one seen here.
                if of == inode:
                    return db, of
                db.close()
        return self._connect(), inode

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for single statements."""
        db, inode = self._lend()
        try:
            yield db
        except BaseException:
            db.close()
            raise
        with self._mutex:
            self._idle.append((db, inode))

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, alone among all processes; nothing of it stays if the block raises."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def __del__(self) -> None:
        if hasattr(self, "_mutex"):
            self.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._mutex:
            while self._idle:
                self._idle.pop()[0].close()

    def persist(self) -> None:
        """Make every commit so far durable, also those of connections that do not wait for the disk."""
        with self.reading() as db:
            db.execute("PRAGMA synchronous = FULL")
            try:
                # The log is synced as a whole: one commit that changes a page takes the earlier ones along.
                db.execute("UPDATE generation SET value = value")
            finally:
                db.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def _set_up(db: sqlite3.Connection, folder: Folder | None) -> None:
    """Make the schema, unless it was made meanwhile. With `folder`: raise `LostIndex` where it was there
    before.
    """
    if _version(db) == 0:
        if folder and any(next(folder.sub(name).iterdir(), None) for name in ("files", "packs")):
            raise LostIndex(f"the index of {folder.root} is lost")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute("COMMIT")
    if (version := _version(db)) != VERSION:
        raise StoreError(
            f"the store's index has version {version}; this codata knows {VERSION}",
            next_step="open it with the version of codata that wrote it",
        )
