"""Locks between processes. The kernel releases them when their holder dies, however it dies.

Two kinds. The store's *lock* is held shared for the moment in which a write is committed, and exclusive by
what deletes or moves. A *hold* lives as long as a store that has written stays open: it names the generation
in which the writing began, and `gc` spares every block put in that generation or later
(docs/decisions/0003-local-store.md says why).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from cid_store.stores.local.folder import Folder


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Wait for the lock on `path` and keep it.

    Each use opens the file anew: a lock belongs to an open file, and two threads must not share one.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def try_lock(fd: int) -> bool:
    """Take the exclusive lock on an open file if nobody has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def in_use(path: Path) -> bool:
    """Whether some process holds a lock on the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd)
    finally:
        os.close(fd)


@contextmanager
def temp_file(folder: Folder, *, alone: bool = False) -> Iterator[tuple[int, Path]]:
    """A new file in `tmp` and its descriptor; whatever has not been renamed away is removed at the end.

    It is locked as long as it is written, so that `check` can tell it from one whose writer was killed.
    `alone`: the caller has the store's exclusive lock.
    """
    path = folder.sub("tmp") / f"{os.getpid()}-{secrets.token_hex(8)}"
    with nullcontext() if alone else locked(folder.lock, shared=True):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield fd, path
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)


class Hold:
    """This process's promise to itself that what it puts stays until the store is closed or `release` is
    called.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder.sub("holds")
        self._mutex = threading.Lock()
        self._held: tuple[int, Path] | None = None

    def begin(self, advance: Callable[[], int]) -> None:
        """Hold from a new generation on, which `advance` begins, unless already holding.

        Called under the store's shared lock.
        """
        with self._mutex:
            if self._held is not None:
                return
            generation = advance()
            path = self._folder / f"{generation}-{os.getpid()}-{secrets.token_hex(4)}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            fcntl.flock(fd, fcntl.LOCK_EX)
            self._held = fd, path

    def release(self) -> None:
        """End the promise."""
        with self._mutex:
            if self._held is None:
                return
            fd, path = self._held
            self._held = None
            path.unlink(missing_ok=True)
            # A forked child shares the open file: closing alone would leave it locked.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


def oldest_hold(folder: Folder, default: int) -> int:
    """The lowest generation that a living process holds, at most `default`. Removes what dead ones left.

    Called under the store's exclusive lock, so that no hold is half made.
    """
    lowest = default
    for path in folder.sub("holds").iterdir():
        generation = path.name.partition("-")[0]
        if in_use(path) and generation.isdigit():
            lowest = min(lowest, int(generation))
        else:
            path.unlink(missing_ok=True)
    return lowest
