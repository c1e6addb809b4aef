"""Writing a DAG to disk, and never outside the folder asked for.

Every step is relative to an open folder and follows no symlink, so that neither a name in the DAG nor a link
already on disk (nor one swapped in meanwhile) leads elsewhere. A file appears under its name whole or not at
all.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cid_store.cid import CID
from cid_store.errors import LimitExceeded, StoreError
from cid_store.unixfs.data import Kind, Metadata
from cid_store.unixfs.directory import entries
from cid_store.unixfs.errors import AlreadyExists, NotAFile, UnsafeName
from cid_store.unixfs.node import DIRECTORY_KINDS, FILE_KINDS, Node, load
from cid_store.unixfs.reader import DagReader
from cid_store.unixfs.safety import check_name, check_target, distinct

if TYPE_CHECKING:
    from cid_store.store import Store

MAX_DEPTH: Final = 200  # folders; deeper ones are hardly genuine and meet the limits of paths
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS: Final = 0o777  # set-user-ID and its like are never restored


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export may do. A small DAG can name endless bytes and entries: the bounds are what stops it."""

    overwrite: bool = False
    """Replace files that exist. Folders are merged either way."""
    case_clashes: bool = False
    """Write names that differ only in case or Unicode form."""
    max_bytes: int | None = None
    """The most bytes to write; None: what the disk has free."""
    max_entries: int = 100_000
    """The most files, folders and symlinks to write: some ten seconds' work, where a million take minutes."""


DEFAULT: Final = ExportOptions()


@dataclass(slots=True)
class ExportReport:
    """What was written."""

    files: int = 0
    directories: int = 0
    symlinks: int = 0
    bytes: int = 0


def export_tree(
    store: Store, root: CID, destination: str | os.PathLike[str], options: ExportOptions = DEFAULT
) -> ExportReport:
    """Write a file to `destination`, or a directory's entries into it; folders above it must exist.

    Raises `UnsafeName`, `AlreadyExists`, `LimitExceeded`, `NotAFile` for what is neither, `StoreError` from
    the disk, and what reading raises. What was written before an error stays, each file whole.
    """
    path = Path(os.path.abspath(destination))
    with (
        _disk_errors(path),
        _opened(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as parent,
    ):
        export = _Export(store, options, _Budget(options, parent))
        export.entry(parent, path.name, load(store, root), str(path), -1)
        return export.report


class _Budget:
    """Bytes and entries that may still be written."""

    def __init__(self, options: ExportOptions, fd: int) -> None:
        disk = os.fstatvfs(fd)
        free = disk.f_bavail * disk.f_frsize
        self._bytes = free if options.max_bytes is None else options.max_bytes
        self._entries = self._most = options.max_entries

    def take(self, size: int, where: str) -> None:
        """Count an entry of `size` bytes; raises `LimitExceeded`."""
        self._entries -= 1
        self._bytes -= size
        if self._entries < 0:
            raise LimitExceeded(
                f"{where[-300:]!r} is one more than the {self._most} files, folders and links that may be "
                "written; those before it are there",
                next_step="allow more (--max-entries), if this many are expected: "
                "a few blocks can name endlessly many",
            )
        if self._bytes < 0:
            raise LimitExceeded(
                f"{where[-300:]!r} ({size} bytes) is beyond what may be written",
                next_step="free disk space or raise the limit, if this much is expected",
            )


class _Export:
    """One export under way."""

    def __init__(self, store: Store, options: ExportOptions, budget: _Budget) -> None:
        self._store = store
        self._options = options
        self._budget = budget
        self.report = ExportReport()

    def entry(self, folder: int, name: str, node: Node, where: str, depth: int) -> None:
        """Write one entry into the open `folder`, `depth` folders below the top (-1: it holds the top)."""
        if node.kind in DIRECTORY_KINDS:
            self._budget.take(0, where)
            self._directory(folder, name, node, where, depth + 1)
        elif node.kind in FILE_KINDS:
            reader = DagReader(self._store, node)
            self._budget.take(reader.size, where)
            self._file(folder, name, reader, where)
        elif node.kind is Kind.SYMLINK:
            self._budget.take(0, where)
            self._symlink(folder, name, bytes(node.data.data), where, depth)
        else:
            raise NotAFile(f"{node.cid} at {where!r} is no file, directory or symlink", cid=node.cid)

    def _directory(self, folder: int, name: str, node: Node, where: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"{where[-300:]!r} is over {MAX_DEPTH} folders deep", cid=node.cid)
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
        with _opened(_open_folder(folder, name, where)) as inside:
            listed = entries(self._store, node)
            for item in listed if self._options.case_clashes else distinct(listed, where):
                below = f"{where}/{check_name(item.name, where)}"
                self.entry(inside, item.name, load(self._store, item.cid), below, depth)
            _restore(inside, node.metadata)
        self.report.directories += 1

    def _file(self, folder: int, name: str, reader: DagReader, where: str) -> None:
        self._refuse_existing(folder, name, where)
        partial = _partial_name()
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as out:
                for chunk in reader.chunks():
                    out.write(chunk)
                out.flush()
                _restore(fd, reader.metadata)
            os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(partial, dir_fd=folder)
            raise
        self.report.files += 1
        self.report.bytes += reader.size

    def _symlink(self, folder: int, name: str, target: bytes, where: str, depth: int) -> None:
        check_target(target, max(depth, 0), where)
        self._refuse_existing(folder, name, where)
        partial = _partial_name()
        os.symlink(target, os.fsencode(partial), dir_fd=folder)
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
        self.report.symlinks += 1

    def _refuse_existing(self, folder: int, name: str, where: str) -> None:
        if self._options.overwrite:
            return
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        raise AlreadyExists(f"{where!r} exists")


def _open_folder(folder: int, name: str, where: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.ENOTDIR):
            raise UnsafeName(
                f"{where!r} exists and is no folder: nothing is written through symlinks",
                next_step="export into an empty folder",
            ) from None
        raise


def _restore(fd: int, metadata: Metadata) -> None:
    if metadata.mode is not None:
        os.fchmod(fd, metadata.mode & _PERMISSIONS)
    if metadata.mtime is not None:
        # The specification: a time before the epoch is written as the epoch.
        stamp = max(metadata.mtime.seconds * 1_000_000_000 + metadata.mtime.nanos, 0)
        with suppress(OverflowError):
            os.utime(fd, ns=(stamp, stamp))


def _partial_name() -> str:
    return f".partial-{secrets.token_hex(8)}"


@contextmanager
def _opened(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        where = str(e.filename or path)
        raise StoreError(
            f"can't write {where!r}: {e.strerror}", next_step="check space and permissions"
        ) from e
