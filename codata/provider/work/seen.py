"""Which signed requests came before: a nonce counts once."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from codata.database import connect, transaction
from codata.provider.errors import Busy
from codata.provider.work.errors import Replayed
from codata.signing import Signed

MAX_OF_ONE: Final = 1 << 16
"""Nonces of one DID that are remembered: over 200 requests a second for as long as signatures live."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS nonces (
    did TEXT NOT NULL, nonce TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (did, nonce)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nonces_expires ON nonces (expires);
"""


class Seen:
    """Nonces until they expire, over restarts of the process. Only DIDs that a rule lets in get here."""

    def __init__(self, path: Path, limit: int = MAX_OF_ONE) -> None:
        self._db = connect(path)
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._limit = limit

    def add(self, signed: Signed, now: float) -> None:
        """Remember a request; raises `Replayed` for one that came before, `Busy` beyond the limit."""
        with self._lock, transaction(self._db) as db:
            db.execute("DELETE FROM nonces WHERE expires <= ?", (int(now),))
            (count,) = db.execute("SELECT count(*) FROM nonces WHERE did = ?", (signed.did,)).fetchone()
            if count >= self._limit:
                raise Busy(f"{signed.did} has sent {count} requests within the life of a signature")
            try:
                db.execute("INSERT INTO nonces VALUES (?, ?, ?)", (signed.did, signed.nonce, signed.expires))
            except sqlite3.IntegrityError:
                raise Replayed(f"the request with nonce {signed.nonce} came before") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()
