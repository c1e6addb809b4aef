"""The index: which block lies where. A cache of what the files and packs say; `check` can rebuild it from
them.

SQLite in WAL mode. Connections are lent from a pool, never kept by a thread, so that closing a store closes
them all. Schema in `docs/spec/local-store.md`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from cid_store import varint
from cid_store.cid import CID
from cid_store.errors import StoreError
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.locks import locked

VERSION: Final = 1
"""Of the schema; kept in SQLite's `user_version`."""

BUSY_SECONDS: Final = 120
_KEYS_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 parameters
_ROWS_AT_ONCE: Final = 1000

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


class Place(NamedTuple):
    """Where a block's bytes are."""

    container: int
    is_file: bool
    name: str
    """The file's root CID, or the pack's name."""
    start: int
    length: int


class Row(NamedTuple):
    """One block in one container."""

    key: bytes
    start: int
    length: int
    codec: int


class Container(NamedTuple):
    """A file or a pack. `root`: the file's root as a multihash; None for a pack. `size`: bytes committed."""

    id: int
    root: bytes | None
    name: str
    size: int


def cid_of(key: bytes, codec: int) -> CID:
    """The CIDv1 of a row."""
    return CID.from_bytes(b"\x01" + varint.encode(codec) + key)


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


# -- queries -------------------------------------------------------------------------------------------------


def generation(db: sqlite3.Connection) -> int:
    """The current generation."""
    value: int = db.execute("SELECT value FROM generation").fetchone()[0]
    return value


def places(db: sqlite3.Connection, key: bytes) -> list[Place]:
    """Every place that holds the block, files first: they can be mapped."""
    rows = db.execute(
        "SELECT c.id, c.root IS NOT NULL, c.name, b.start, b.length"
        " FROM blocks b JOIN containers c ON c.id = b.container WHERE b.key = ? ORDER BY 2 DESC, 1",
        (key,),
    )
    return [Place(i, bool(f), n, s, size) for i, f, n, s, size in rows]


def held(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Of these keys those held, each with the oldest generation of its rows."""
    found: dict[bytes, int] = {}
    for at in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[at : at + _KEYS_AT_ONCE]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, min(born) FROM blocks WHERE key IN ({marks}) GROUP BY key"  # noqa: S608
        found.update(db.execute(query, part))
    return found


def file_of(db: sqlite3.Connection, root: bytes) -> Container | None:
    """The container of the file with this root (a multihash)."""
    row = db.execute("SELECT id, root, name, size FROM containers WHERE root = ?", (root,)).fetchone()
    return Container(*row) if row else None


def add_container(
    db: sqlite3.Connection, root: bytes | None, name: str, size: int, *, synced: bool = True
) -> int:
    """A new container's id. `synced`: its bytes are surely on the disk."""
    values = root, name, size, synced
    cursor = db.execute("INSERT INTO containers (root, name, size, synced) VALUES (?, ?, ?, ?)", values)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def add_rows(db: sqlite3.Connection, container: int, rows: Iterable[Row]) -> None:
    """Enter blocks of a container as put now. A block that stands in it twice is entered once."""
    born = generation(db)
    db.executemany(
        "INSERT OR IGNORE INTO blocks (key, container, start, length, codec, born) VALUES (?, ?, ?, ?, ?, ?)",
        ((r.key, container, r.start, r.length, r.codec, born) for r in rows),
    )


def unsynced(db: sqlite3.Connection, keys: Iterable[bytes]) -> list[Container]:
    """The containers with any of these blocks that a writer without fsync has written to."""
    query = (
        "SELECT c.id, c.root, c.name, c.size FROM blocks b JOIN containers c ON c.id = b.container"
        " WHERE b.key = ? AND NOT c.synced"
    )
    found = {row[0]: Container(*row) for key in keys for row in db.execute(query, (key,))}
    return list(found.values())


def mark_synced(db: sqlite3.Connection, files: Iterable[Container]) -> None:
    """Note that files are on the disk. Not packs: another process may have appended since the sync."""
    done = ((file.id,) for file in files if file.root is not None)
    db.executemany("UPDATE containers SET synced = 1 WHERE id = ?", done)


def drop_keys(db: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    """Forget blocks wherever they lie."""
    db.executemany("DELETE FROM blocks WHERE key = ?", ((key,) for key in keys))


def drop_rows(db: sqlite3.Connection, container: int, keys: Iterable[bytes]) -> None:
    """Forget blocks of one container."""
    db.executemany("DELETE FROM blocks WHERE key = ? AND container = ?", ((key, container) for key in keys))


def drop_containers(db: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Forget containers; their blocks are dropped by the caller, who knows which they are."""
    db.executemany("DELETE FROM containers WHERE id = ?", ((i,) for i in ids))


def advance(db: sqlite3.Connection, above: int = 0) -> int:
    """Begin a new generation, higher than `above`; returns it."""
    db.execute("UPDATE generation SET value = max(value, ?) + 1", (above,))
    return generation(db)


def locate(db: sqlite3.Connection, only: Iterable[int] | None = None) -> None:
    """Make the temporary table `located`, for `rows_of`: the rows of every container, or of these only.

    The index has no order by container, which would nearly double it: the few who need one pass over all.
    """
    db.execute("DROP TABLE IF EXISTS temp.located")
    db.execute("DROP TABLE IF EXISTS temp.chosen")
    db.execute("CREATE TEMP TABLE chosen (id INTEGER PRIMARY KEY)")
    if only is None:
        db.execute("INSERT INTO chosen SELECT id FROM containers")
    else:
        db.executemany("INSERT INTO chosen VALUES (?)", ((i,) for i in only))
    db.execute(
        "CREATE TEMP TABLE located (container INTEGER, start INTEGER, key BLOB, length INTEGER,"
        " codec INTEGER, PRIMARY KEY (container, start, key)) WITHOUT ROWID"
    )
    db.execute(
        "INSERT INTO located SELECT container, start, key, length, codec FROM blocks"
        " WHERE container IN (SELECT id FROM chosen)"
    )


def rows_of(db: sqlite3.Connection, container: int) -> Iterator[Row]:
    """The located rows of a container, by position."""
    found = db.execute(
        "SELECT key, start, length, codec FROM located WHERE container = ? ORDER BY start", (container,)
    )
    return (Row(*row) for row in found)


def touch(db: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    """Mark blocks as put now."""
    born = generation(db)
    db.executemany(
        "UPDATE blocks SET born = ? WHERE key = ? AND born < ?", ((born, key, born) for key in keys)
    )


def containers(db: sqlite3.Connection) -> Iterator[Container]:
    """Every container that is there now, a page at a time; not those that are made meanwhile."""
    last = 0
    (end,) = db.execute("SELECT coalesce(max(id), 0) FROM containers").fetchone()
    query = "SELECT id, root, name, size FROM containers WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    while page := db.execute(query, (last, end, _ROWS_AT_ONCE)).fetchall():
        yield from (Container(*row) for row in page)
        last = page[-1][0]


def all_cids(index: Index) -> Iterator[CID]:
    """Every block, each once, in the order of keys."""
    last = b""
    while True:
        with index.reading() as db:
            page = db.execute(
                "SELECT key, codec FROM blocks WHERE key > ? GROUP BY key ORDER BY key LIMIT ?",
                (last, _ROWS_AT_ONCE),
            ).fetchall()
        if not page:
            return
        for key, codec in page:
            yield cid_of(key, codec)
        last = page[-1][0]
