"""What the index says: its rows, and every question that is asked of it, over a connection from `Index`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from cid_store import varint
from cid_store.cid import CID

_KEYS_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 parameters
_ROWS_AT_ONCE: Final = 1000


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


def sizes(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Of these keys those held, each with its bytes."""
    found: dict[bytes, int] = {}
    for at in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[at : at + _KEYS_AT_ONCE]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, max(length) FROM blocks WHERE key IN ({marks}) GROUP BY key"  # noqa: S608
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


def cids_after(db: sqlite3.Connection, key: bytes) -> list[tuple[bytes, CID]]:
    """The next page of blocks in the order of keys, each once."""
    query = "SELECT key, codec FROM blocks WHERE key > ? GROUP BY key ORDER BY key LIMIT ?"
    return [(found, cid_of(found, codec)) for found, codec in db.execute(query, (key, _ROWS_AT_ONCE))]
