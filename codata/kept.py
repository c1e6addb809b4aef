"""What a home keeps for others: CIDs under owners, each for a while or without end.

A store knows one pin for a CID. Here several owners may keep the same one, and what one of them lets go of
stays for the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cid_store.cid import CID
from cid_store.pins import PinKind
from codata.database import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    owner TEXT NOT NULL, cid TEXT NOT NULL, kind TEXT NOT NULL, bytes INTEGER NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (owner, cid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_until ON kept (until);
CREATE TABLE IF NOT EXISTS copies (
    did TEXT NOT NULL, root TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (did, root)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS let_go (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
"""

ROW: Final = 256
"""Bytes that a block of a copy counts for beside its own: its places in the indices."""

_NEVER: Final = 9e18  # seconds since 1970: after everything


class Kept:
    """What others have here. `until`: seconds since 1970, or None for what does not expire."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def keep(
        self,
        owner: str,
        items: Iterable[tuple[CID, int]],
        *,
        kind: PinKind = "direct",
        until: float | None = None,
    ) -> None:
        """Keep CIDs, of so many bytes each, for `owner`. Of what is kept already, the more is kept: longer,
        all below it, the larger number of bytes."""
        end = _NEVER if until is None else until
        with transaction(self._db) as db:
            db.executemany(
                "INSERT INTO kept VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                # The words sort as they should: "recursive" is after "direct".
                " kind = max(kind, excluded.kind), bytes = max(bytes, excluded.bytes),"
                " until = max(until, excluded.until)",
                [(owner, cid, kind, size, end) for cid, size in items],
            )

    def extend(self, owner: str, cids: Iterable[CID], until: float) -> None:
        """Keep what is kept for `owner` at least until then."""
        with transaction(self._db) as db:
            db.executemany(
                "UPDATE kept SET until = max(until, ?) WHERE owner = ? AND cid = ?",
                [(until, owner, cid) for cid in cids],
            )

    def release(self, owner: str, cids: Iterable[CID] | None = None) -> int:
        """Let go of these, or of all that `owner` has; how many there were."""
        if cids is None:
            return self._db.execute("DELETE FROM kept WHERE owner = ?", (owner,)).rowcount
        with transaction(self._db) as db:
            gone = "DELETE FROM kept WHERE owner = ? AND cid = ?"
            return sum(db.execute(gone, (owner, cid)).rowcount for cid in cids)

    def of(self, owner: str) -> list[CID]:
        """What is kept for `owner`, sorted."""
        return [CID(cid) for (cid,) in self._db.execute("SELECT cid FROM kept WHERE owner = ?", (owner,))]

    def sweep(self, now: float) -> int:
        """Forget what has expired; how much that was. `codata gc` frees it."""
        return self._db.execute("DELETE FROM kept WHERE until <= ?", (now,)).rowcount

    def total(self, owner: str) -> int:
        """The bytes kept for `owner`."""
        row = self._db.execute("SELECT coalesce(sum(bytes), 0) FROM kept WHERE owner = ?", (owner,))
        return int(row.fetchone()[0])

    # -- copies ----------------------------------------------------------------------------------------------

    def growth(self, did: str, root: CID, blocks: Mapping[CID, int]) -> int:
        """The bytes by which a copy of `root` for `did` grows by blocks of so many bytes each: none for those
        that it has. A block counts for `ROW` bytes more than it has."""
        return _counted(self._new(_copy(did, root), blocks))

    def copy(self, did: str, root: CID, blocks: Mapping[CID, int], most: int) -> bool:
        """Keep blocks as a copy of `root` for `did`, without end. False, and nothing more is kept, where all
        that `did` has would be more than `most` bytes."""
        new = self._new(_copy(did, root), blocks)
        if self.copied(did) + _counted(new) > most:
            return False
        with transaction(self._db) as db:
            self.keep(_copy(did, root), new)
            db.execute(
                "INSERT INTO copies VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
                (did, root, _counted(new)),
            )
        return True

    def drop_copy(self, did: str, root: CID) -> bool:
        """Let go of a copy, whose bytes linger; False where there was none."""
        with transaction(self._db) as db:
            self.release(_copy(did, root))
            gone = db.execute(
                "DELETE FROM copies WHERE did = ? AND root = ? RETURNING bytes", (did, root)
            ).fetchall()
            for (size,) in gone:
                self.linger(_copier(did), size)
        return bool(gone)

    def copied(self, did: str) -> int:
        """The bytes of all copies of `did`, those among them that were let go and linger."""
        row = self._db.execute("SELECT coalesce(sum(bytes), 0) FROM copies WHERE did = ?", (did,)).fetchone()
        return int(row[0]) + self.lingers(_copier(did))

    def copies(self) -> list[tuple[str, CID, int]]:
        """The copies that DIDs have pushed: whose, the root, and the bytes that they count for."""
        rows = self._db.execute("SELECT did, root, bytes FROM copies ORDER BY did, root")
        return [(did, CID(root), size) for did, root, size in rows]

    def _new(self, owner: str, blocks: Mapping[CID, int]) -> list[tuple[CID, int]]:
        query = "SELECT 1 FROM kept WHERE owner = ? AND cid = ?"
        return [
            (cid, size)
            for cid, size in blocks.items()
            if self._db.execute(query, (owner, cid)).fetchone() is None
        ]

    # -- what was let go and lies here still -----------------------------------------------------------------

    def linger(self, owner: str, size: int) -> None:
        """Note bytes that `owner` has let go of: they take room until garbage is collected."""
        self._db.execute(
            "INSERT INTO let_go VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            (owner, size),
        )

    def lingering(self) -> dict[str, int]:
        """Bytes that owners have let go of since garbage was collected."""
        return dict(self._db.execute("SELECT owner, bytes FROM let_go").fetchall())

    def lingers(self, owner: str) -> int:
        """Those of one owner."""
        row = self._db.execute("SELECT bytes FROM let_go WHERE owner = ?", (owner,)).fetchone()
        return 0 if row is None else int(row[0])

    def collected(self, gone: Mapping[str, int]) -> None:
        """Forget bytes that were `lingering` when a collection of garbage began that has ended."""
        with transaction(self._db) as db:
            db.executemany(
                "UPDATE let_go SET bytes = bytes - ? WHERE owner = ?",
                [(size, owner) for owner, size in gone.items()],
            )
            db.execute("DELETE FROM let_go WHERE bytes <= 0")

    # -- for `gc` --------------------------------------------------------------------------------------------

    def roots(self) -> Iterator[tuple[CID, PinKind]]:
        """Everything kept, each CID once: `recursive` where anybody keeps it so."""
        for cid, kind in self._db.execute("SELECT cid, max(kind) FROM kept GROUP BY cid ORDER BY cid"):
            yield CID(cid), kind


def _counted(blocks: Sequence[tuple[CID, int]]) -> int:
    return sum(size + ROW for _, size in blocks)


def _copier(did: str) -> str:
    return f"copies {did}"


def _copy(did: str, root: CID) -> str:
    return f"copy {did} {root}"
