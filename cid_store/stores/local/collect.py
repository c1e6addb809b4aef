"""Garbage collection: deleting what nobody needs, and nothing else.

Keys are gathered in temporary tables on disk, so that memory does not grow with the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sqlite3 import Connection
from typing import Final

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CorruptBlock
from cid_store.pins import GcReport
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Container, Row
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.index import Index
from cid_store.stores.local.locks import locked, oldest_hold
from cid_store.stores.local.move import compact, read_block, rescue

_TABLES: Final = ("keep", "floor", "doomed", "dead", "saved", "located")

_DOOMED: Final = """
CREATE TEMP TABLE doomed AS SELECT id, name FROM containers c WHERE root IS NOT NULL AND root NOT IN keep
  AND NOT EXISTS (SELECT 1 FROM blocks n WHERE n.key = c.root AND n.born >= (SELECT value FROM floor))
"""
"""Files whose root nobody needs."""

_DEAD: Final = """
INSERT INTO dead SELECT key, container, length,
  key IN keep OR EXISTS (SELECT 1 FROM blocks n WHERE n.key = b.key AND n.born >= (SELECT value FROM floor))
FROM blocks b WHERE container IN (SELECT id FROM doomed)
  OR (born < (SELECT value FROM floor) AND key NOT IN keep
      AND container IN (SELECT id FROM containers WHERE root IS NULL))
"""
"""Rows of those files, and rows in packs that nobody needs. `needed`: somebody needs the block."""

_LAST: Final = """
CREATE TEMP TABLE saved AS SELECT key, min(container) AS container, max(length) AS length, needed FROM dead d
WHERE NOT EXISTS (SELECT 1 FROM blocks s WHERE s.key = d.key AND NOT EXISTS
  (SELECT 1 FROM dead e WHERE e.key = s.key AND e.container = s.container))
GROUP BY key
"""
"""Blocks that would be gone with the dead rows: those that are needed must be saved from the doomed files."""

_WORTH: Final = """
SELECT c.id, c.root, c.name, c.size FROM containers c LEFT JOIN
  (SELECT container, sum(length + 40) AS live FROM blocks
   WHERE container IN (SELECT id FROM containers WHERE root IS NULL) GROUP BY container) l
  ON l.container = c.id
WHERE c.root IS NULL AND (c.size - 18 - coalesce(l.live, 0)) * 4 >= c.size
"""
"""Packs of which a fourth is dead: less frees little for much writing. 18: the header; 40: a frame, about."""


def collect(folder: Folder, index: Index, keep: Iterable[CID], *, dry_run: bool) -> GcReport:
    """Delete every block that is not in `keep` and was last put before every hold and before this call.

    `keep` is read while others write; only then is the exclusive lock taken for long. Holds count that were
    there before it was read, too: who pins what it has put, and lets go, may have done both meanwhile.
    """
    with index.writing() as db:
        start = entries.advance(db)
    with locked(folder.lock):
        floor = oldest_hold(folder, start)
    with index.reading() as db:
        try:
            _gather(db, keep)
            with locked(folder.lock):
                report = _mark(db, oldest_hold(folder, floor))
                if not dry_run:
                    _sweep(folder, index, db)
                return report
        finally:
            for table in _TABLES:
                db.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _gather(db: Connection, keep: Iterable[CID]) -> None:
    db.execute("CREATE TEMP TABLE keep (key BLOB PRIMARY KEY) WITHOUT ROWID")
    db.execute("BEGIN")
    db.executemany("INSERT OR IGNORE INTO keep VALUES (?)", ((cid.multihash,) for cid in keep))
    db.execute("COMMIT")


def _mark(db: Connection, floor: int) -> GcReport:
    """Fill the tables of what is to go and of what is to be saved; nothing is changed yet."""
    db.execute("CREATE TEMP TABLE floor AS SELECT ? AS value", (floor,))
    db.execute(_DOOMED)
    db.execute(
        "CREATE TEMP TABLE dead (key BLOB, container INTEGER, length INTEGER, needed INTEGER,"
        " PRIMARY KEY (key, container)) WITHOUT ROWID"
    )
    db.execute(_DEAD)
    db.execute(_LAST)
    gone = "SELECT count(*), coalesce(sum(length), 0) FROM saved WHERE NOT needed"
    return GcReport(*db.execute(gone).fetchone())


def _sweep(folder: Folder, index: Index, db: Connection) -> None:
    """Save, forget, and only then remove: a kill in between leaves bytes too many, never too few."""
    rescue(folder, index, _saved(folder, db))
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("DELETE FROM blocks WHERE (key, container) IN (SELECT key, container FROM dead)")
        db.execute("DELETE FROM containers WHERE id IN (SELECT id FROM doomed)")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    for (name,) in db.execute("SELECT name FROM doomed"):
        folder.file(CID(name)).unlink(missing_ok=True)
    _compact_all(folder, db)


def _saved(folder: Folder, db: Connection) -> Iterator[Block]:
    found = db.execute(
        "SELECT c.name, b.key, b.start, b.length, b.codec FROM saved s JOIN blocks b USING (key, container)"
        " JOIN containers c ON c.id = b.container WHERE s.needed ORDER BY c.id, b.start"
    )
    for name, *row in found:
        path = folder.file(CID(name))
        with path.open("rb", buffering=0) as f:
            yield read_block(f.fileno(), Row(*row), path)


def _compact_all(folder: Folder, db: Connection) -> None:
    worth = [Container(*row) for row in db.execute(_WORTH)]
    if worth:
        entries.locate(db, [pack.id for pack in worth])
    for pack in worth:
        try:
            compact(folder, db, pack)
        except CorruptBlock:
            continue  # the pack stays as it is, for `check` to report and repair
