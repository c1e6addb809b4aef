"""What lies where in a local store's folder, and the file-system steps that make a write durable.

The byte formats are in `docs/spec/local-store.md`.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cid_store.cid import CID
from cid_store.errors import StoreError, UsageError

FORMAT: Final = b"codata local store, format 1\n"
_FOLDERS: Final = ("files", "packs", "pins", "holds", "tmp", "quarantine")


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one store."""

    root: Path

    def file(self, root: CID) -> Path:
        """Where the content of the file with this root lies. The last character but two and but one spread
        best.
        """
        return self.root / "files" / root[-3:-1] / root

    def pack(self, name: str) -> Path:
        """Where the pack called `name` lies."""
        return self.root / "packs" / f"{name}.car"

    def container(self, is_file: bool, name: str) -> Path:
        """Where a container of the index lies, by its name there."""
        return self.file(CID(name)) if is_file else self.pack(name)

    def sub(self, name: str) -> Path:
        """One of the store's own folders."""
        return self.root / name

    @property
    def index(self) -> Path:
        """The SQLite index."""
        return self.root / "index.sqlite"

    @property
    def lock(self) -> Path:
        """Held shared by whoever commits, exclusive by whoever deletes."""
        return self.root / "lock"

    def prepare(self) -> None:
        """Make the folder a store, or see that it is one; raises `UsageError`, `StoreError`."""
        marker = self.root / "FORMAT"
        self.root.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            if any(not p.name.startswith(".") for p in self.root.iterdir()) and not marker.exists():
                raise UsageError(
                    f"{self.root} holds other things and is not a store",
                    next_step="name an empty or a new folder",
                )
            fresh = self.root / f".FORMAT-{secrets.token_hex(4)}"
            fresh.write_bytes(FORMAT)
            fresh.replace(marker)
        with marker.open("rb") as f:
            if f.read(len(FORMAT) + 1) != FORMAT:
                raise StoreError(
                    f"{self.root} is a store of a format that is not known here",
                    next_step="open it with the version of codata that wrote it",
                )
        for name in _FOLDERS:
            (self.root / name).mkdir(exist_ok=True)

    def quarantine(self, path: Path) -> Path:
        """Move a file out of use, never over another; returns where it went."""
        target = self.sub("quarantine") / f"{path.name}.{secrets.token_hex(4)}"
        path.rename(target)
        return target

    def quarantine_bytes(self, name: str, pieces: Iterable[bytes]) -> None:
        """Keep bytes that are wrong, for whoever wants to look at them."""
        with (self.sub("quarantine") / f"{name}.{secrets.token_hex(4)}").open("xb") as f:
            f.writelines(pieces)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of `data` at `offset`: one call may write less than it is given."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done


def read_all(fd: int, length: int, offset: int) -> bytes:
    """`length` bytes at `offset`, or fewer at the end of the file."""
    data = os.pread(fd, length, offset)
    if len(data) in (0, length):
        return data
    parts = [data]
    while (have := sum(map(len, parts))) < length:
        more = os.pread(fd, length - have, offset + have)
        if not more:
            break
        parts.append(more)
    return b"".join(parts)


@contextmanager
def named_errors(doing: str, path: Path) -> Iterator[None]:
    """Failures of the file system and of SQLite as `StoreError`."""
    try:
        yield
    except OSError as e:
        raise StoreError(
            f"{doing} failed in {path}: {e.strerror or e}{f' ({e.filename})' if e.filename else ''}",
            next_step="free space, or mend the permissions of the folder, then try again",
        ) from e
    except sqlite3.Error as e:
        raise StoreError(
            f"{doing} failed in the index of {path}: {e}",
            next_step="if space and permissions are fine, run `codata check`: it rebuilds the index",
        ) from e
