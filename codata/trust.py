"""Whose receipts count here."""

from __future__ import annotations

import sqlite3

from cid_store.errors import UsageError
from codata import identity
from codata.errors import FalseClaim, UnknownName

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trust (did TEXT PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL);
"""


class Trust:
    """The other executors that one home trusts, by DID."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def give(self, did: str, note: str = "") -> None:
        """Let receipts of this DID count as done work; raises `UsageError` where it is no did:key."""
        try:
            identity.public_key(did)
        except FalseClaim as e:
            raise UsageError(e.message, next_step="write it as did:key:z6Mk…") from None
        self._db.execute("INSERT OR REPLACE INTO trust VALUES (?, ?, strftime('%s'))", (did, note))

    def withdraw(self, did: str) -> None:
        """Take trust back; raises `UnknownName` where there was none."""
        if not self._db.execute("DELETE FROM trust WHERE did = ?", (did,)).rowcount:
            raise UnknownName(f"{did} is not trusted here", next_step="`codata trust` shows who is")

    def all(self) -> dict[str, str]:
        """The trusted DIDs with notes, in the order in which trust was given."""
        return dict(self._db.execute("SELECT did, note FROM trust ORDER BY at, did"))
