"""The SQLite file of a home, which several processes and threads use at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_WAIT: Final = 60
"""Seconds that a writer waits for another process to end its transaction."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection in which every statement is its own transaction, outside `transaction`; raises
    `sqlite3.Error`."""
    db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of what is written within, or none of it; within another transaction, a part of that one.

    Threads that share a connection take turns by a lock of their own.
    """
    if db.in_transaction:
        yield db
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
