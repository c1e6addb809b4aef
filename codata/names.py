"""Names, and what a REF stands for."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import InvalidCID, UsageError
from cid_store.unixfs.paths import follow
from cid_store.unixfs.paths import parse as parse_path
from cid_store.unixfs.paths import resolve as resolve_path
from codata.errors import UnknownName

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, cid TEXT NOT NULL, at INTEGER NOT NULL);
"""


def check_name(name: str) -> None:
    """Raise `UsageError` for what can't be a name: ask before the work that is to be named."""
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} can't be a name",
            next_step="use letters, digits, '.', '_' and '-', at most 128 of them",
        )
    try:
        CID(name)
    except InvalidCID:
        return
    raise UsageError(f"{name!r} is a CID and can't be a name")


class Names:
    """The names of one home, each of which stands for a CID."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def give(self, name: str, cid: CID) -> None:
        """Let `name` stand for `cid`, whatever it stood for before. Raises `UsageError` for names that can't
        be."""
        check_name(name)
        self._db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, strftime('%s'))", (name, cid))

    def forget(self, name: str) -> None:
        """Take a name away; raises `UnknownName`."""
        if not self._db.execute("DELETE FROM names WHERE name = ?", (name,)).rowcount:
            raise UnknownName(f"there is no name {name!r} here")

    def all(self) -> dict[str, CID]:
        """All names, sorted."""
        rows = self._db.execute("SELECT name, cid FROM names ORDER BY name")
        return {name: CID(cid) for name, cid in rows}

    def find(self, name: str) -> CID | None:
        """What a name stands for."""
        row = self._db.execute("SELECT cid FROM names WHERE name = ?", (name,)).fetchone()
        return CID(row[0]) if row else None


def resolve(names: Names, store: Store, ref: str) -> CID:
    """The CID of a REF: a name or CID, or a path below one, as `NAME/a/b.txt` or `/ipfs/CID/a`.

    Raises `UsageError` where it is both a name here and a path on disk, `PathNotFound`, `UnknownName`.
    """
    head, slash, path = ref.partition("/")
    named = names.find(head)
    if named is not None:
        if Path(ref).exists():
            raise UsageError(
                f"{ref!r} is both a name here and a path on disk",
                next_step=f"write {named}{slash}{path}, or stand in another folder",
            )
        return resolve_path(store, f"{named}/{path}") if path else named
    try:
        parsed = parse_path(ref)
    except InvalidCID:
        near = ", ".join(list(names.all())[:10])
        raise UnknownName(
            f"{ref!r} is neither a CID nor a name here",
            cid=None,
            next_step=f"the names are: {near}"
            if near
            else "nothing has a name yet: `codata add PATH --name NAME`",
        ) from None
    return follow(store, parsed.root, parsed.names)
