"""A full disk, told as such wherever it shows: in files, in the store, in SQLite."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cid_store import Store
from cid_store.errors import StoreError
from cid_store.stores.local import LocalStore
from codata.provider.work.errors import DiskFull

_CODES: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def full_disks_named() -> Iterator[None]:
    """Raise `DiskFull` in the place of what a full disk brings about."""
    try:
        yield
    except (OSError, sqlite3.Error, StoreError) as e:
        if is_full(e):
            raise DiskFull("the provider's disk is full") from e
        raise


def check_free(store: Store, least: int) -> None:
    """Raise `DiskFull` where less is free than that; a store that is not on a disk here has no such end."""
    if isinstance(store, LocalStore) and shutil.disk_usage(Path(store.folder.root)).free < least:
        raise DiskFull("the provider's disk is full")


def is_full(error: BaseException | None) -> bool:
    """Whether a lack of room is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _CODES:
            return True
        if isinstance(error, sqlite3.Error) and _primary(error) in (
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _primary(error: sqlite3.Error) -> int | None:
    """SQLite's code without what extends it. It tells some full disks as input and output that failed."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
