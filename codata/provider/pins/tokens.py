"""Who may ask for pins: accounts, each with one bearer token, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from typing import Final

from cid_store.errors import UsageError
from codata.database import transaction
from codata.errors import UnknownName

MAX_ACCOUNTS: Final = 1000
"""Every request is compared with all of them."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_RANDOM: Final = 32  # bytes of a token
_MAX_TOKEN: Final = 200  # characters that are looked at

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pin_accounts (
    name TEXT PRIMARY KEY, hash BLOB NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Accounts:
    """The accounts of one home."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def issue(self, name: str) -> str:
        """A new token for `name`, which is told this once; one that it had before counts no more.

        Raises `UsageError`.
        """
        if not _NAME.match(name):
            raise UsageError(
                f"{name[:100]!r} can't name an account",
                next_step="use letters, digits, '.', '_' and '-', at most 64 of them",
            )
        token = secrets.token_urlsafe(_RANDOM)
        with transaction(self._db) as db:
            (others,) = db.execute("SELECT count(*) FROM pin_accounts WHERE name != ?", (name,)).fetchone()
            if others >= MAX_ACCOUNTS:
                raise UsageError(
                    f"there are {MAX_ACCOUNTS} accounts, and that is the limit",
                    next_step="remove one: codata provider token NAME --remove",
                )
            db.execute(
                "INSERT OR REPLACE INTO pin_accounts VALUES (?, ?, strftime('%s'))", (name, _hash(token))
            )
        return token

    def remove(self, name: str) -> None:
        """End an account; raises `UnknownName`."""
        if not self._db.execute("DELETE FROM pin_accounts WHERE name = ?", (name,)).rowcount:
            raise UnknownName(
                f"there is no account {name[:100]!r}", next_step="`codata provider token` lists them"
            )

    def names(self) -> list[str]:
        """The accounts, sorted."""
        return [name for (name,) in self._db.execute("SELECT name FROM pin_accounts ORDER BY name")]

    def holder(self, token: str) -> str | None:
        """Whose token this is. All are compared, each in constant time: how long it takes tells nothing."""
        hashed, found = _hash(token[:_MAX_TOKEN]), None
        for name, known in self._db.execute("SELECT name, hash FROM pin_accounts"):
            if hmac.compare_digest(known, hashed):
                found = name
        return found


def _hash(token: str) -> bytes:
    # One pass is enough: a token is random, and no word that could be guessed.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
