"""What a home keeps for others: CIDs under owners, each for a while or without end.

A store knows one pin for a CID. Here several owners may keep the same one, and what one of them lets go of
stays for the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
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
CREATE TABLE IF NOT EXISTS let_go (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
"""

_COPIES: Final = "copies "
_NEVER: Final = 9e18  # seconds since 1970: after everything


def copier(did: str) -> str:
    """The owner of the copies that a DID has pushed."""
    return f"{_COPIES}{did}"


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

    def grow(self, owner: str, cid: CID, size: int) -> None:
        """Keep `cid` and all below it without end, of which so many bytes more are here now."""
        self._db.execute(
            "INSERT INTO kept VALUES (?, ?, 'recursive', ?, ?) ON CONFLICT DO UPDATE SET"
            " kind = excluded.kind, bytes = bytes + excluded.bytes, until = excluded.until",
            (owner, cid, size, _NEVER),
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

    def copies(self) -> list[tuple[str, CID, int]]:
        """The copies that DIDs have pushed: whose, the root, and the bytes that came with it."""
        rows = self._db.execute(
            "SELECT substr(owner, ?), cid, bytes FROM kept WHERE substr(owner, 1, ?) = ? ORDER BY owner, cid",
            (len(_COPIES) + 1, len(_COPIES), _COPIES),
        )
        return [(did, CID(cid), size) for did, cid, size in rows]

    def sweep(self, now: float) -> int:
        """Forget what has expired; how much that was. `codata gc` frees it."""
        return self._db.execute("DELETE FROM kept WHERE until <= ?", (now,)).rowcount

    def total(self, owner: str, *, lasting: bool = False) -> int:
        """The bytes kept for `owner`; with `lasting`, those of what does not expire."""
        least = _NEVER if lasting else 0
        row = self._db.execute(
            "SELECT coalesce(sum(bytes), 0) FROM kept WHERE owner = ? AND until >= ?", (owner, least)
        )
        return int(row.fetchone()[0])

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
