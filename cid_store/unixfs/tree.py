"""Adding from disk: a file, or a folder with all that is in it.

Entries are taken in the order of their names' bytes; empty folders stay, symlinks stay symlinks, files whose
name begins with a dot are left out unless asked for. Memory is bounded by the folders on the way from the
root to where the walk is: one entry of a few hundred bytes for each name in them. Depth is bounded by what
the disk can name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cid_store.cid import CID
from cid_store.errors import StoreError, UsageError
from cid_store.hashing import Buffer, Readable, SourceChanged
from cid_store.unixfs.build import Built, small_file, stream_file
from cid_store.unixfs.data import MODE_BITS, NO_METADATA, Metadata, Mtime
from cid_store.unixfs.directory import build_directory, build_symlink
from cid_store.unixfs.errors import UnsupportedEntry
from cid_store.unixfs.profiles import V1_2025, Profile
from cid_store.unixfs.sink import NullSink, Sink, StoreSink

if TYPE_CHECKING:
    from cid_store.store import Store


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What of the disk goes into the CID."""

    profile: Profile = V1_2025
    hidden: bool = False
    """Take entries whose name begins with a dot."""
    mode: bool = False
    """Keep permission bits. Makes the CID differ from machine to machine."""
    mtime: bool = False
    """Keep modification times. The same warning."""


DEFAULT = AddOptions()


def add_file(store: Store, source: Readable | Buffer, profile: Profile = V1_2025) -> CID:
    """Keep the bytes of a stream or buffer as a file; returns its root."""
    with StoreSink(store) as sink:
        return stream_file(profile, sink.emit, source).cid


def add_tree(store: Store, path: str | os.PathLike[str], options: AddOptions = DEFAULT) -> Built:
    """Keep a file or folder from disk; returns its root and sizes.

    `path` itself is followed when it is a symlink; those inside are kept as such. Raises `UnsupportedEntry`
    for what UnixFS can't hold, `StoreError` when the disk can't be read, `SourceChanged` when a file shrinks
    meanwhile.
    """
    with StoreSink(store) as sink:
        return _add(sink, Path(path), options)


def measure_tree(path: str | os.PathLike[str], options: AddOptions = DEFAULT) -> Built:
    """What `add_tree` would return, storing nothing."""
    return _add(NullSink(), Path(path), options)


def cid_of(path: str | os.PathLike[str], profile: Profile = V1_2025) -> CID:
    """The CID that a file or folder on disk has under `profile`, storing nothing."""
    return measure_tree(path, AddOptions(profile)).cid


@dataclass(slots=True)
class _Folder:
    """A folder half read."""

    name: str
    metadata: Metadata
    rest: Iterator[os.DirEntry[str]]
    done: list[tuple[str, Built]] = field(default_factory=list)


def _add(sink: Sink, path: Path, options: AddOptions) -> Built:
    if not path.exists():
        raise UsageError(f"{str(path)!r} does not exist", next_step="check the path")
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _add_folder(sink, path, options, _metadata(status, options))
        return _add_file(sink, path, options)
    except OSError as e:
        where = str(e.filename or path)
        raise StoreError(f"can't read {where!r}: {e.strerror}", next_step="check its permissions") from e


def _add_folder(sink: Sink, top: Path, options: AddOptions, metadata: Metadata) -> Built:
    # A stack of our own: folders nest deeper than Python's.
    stack = [_Folder("", metadata, _scan(top, options))]
    while True:
        folder = stack[-1]
        entry = next(folder.rest, None)
        if entry is None:
            stack.pop()
            built = build_directory(options.profile, sink.emit, folder.done, folder.metadata)
            if not stack:
                return built
            stack[-1].done.append((folder.name, built))
        elif entry.is_dir(follow_symlinks=False):
            inside = _metadata(entry.stat(follow_symlinks=False), options) if _keeps(options) else NO_METADATA
            stack.append(_Folder(entry.name, inside, _scan(entry.path, options)))
        else:
            folder.done.append((entry.name, _add_entry(sink, entry, options)))


def _scan(path: str | Path, options: AddOptions) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as found:
        kept = [entry for entry in found if options.hidden or not entry.name.startswith(".")]
    return iter(sorted(kept, key=lambda entry: os.fsencode(entry.name)))


def _add_entry(sink: Sink, entry: os.DirEntry[str], options: AddOptions) -> Built:
    if entry.is_symlink():
        # Its own mode means nothing on most systems.
        metadata = _metadata(entry.stat(follow_symlinks=False), AddOptions(mtime=options.mtime))
        return build_symlink(options.profile, sink.emit, os.fsencode(os.readlink(entry.path)), metadata)
    if not entry.is_file(follow_symlinks=False):
        raise UnsupportedEntry(f"{entry.path!r} is no file, folder or symlink")
    return _add_file(sink, entry.path, options, os.O_NOFOLLOW)


def _add_file(sink: Sink, path: str | Path, options: AddOptions, flags: int = 0) -> Built:
    # Not blocking: a pipe put in a file's place must not hang us.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedEntry(f"{str(path)!r} is no file, folder or symlink")
        metadata = _metadata(status, options)
        if status.st_size <= options.profile.chunk:
            return small_file(options.profile, sink.emit, _read_all(fd, status.st_size), metadata)
        with os.fdopen(fd, "rb", buffering=0, closefd=False) as source:
            return sink.file(source, options.profile, metadata)
    except SourceChanged as e:
        raise SourceChanged(f"{str(path)!r} changed while it was read: {e.message}") from e
    finally:
        os.close(fd)


def _read_all(fd: int, size: int) -> bytes:
    parts, left = [], size + 1  # one more than it should have, to see whether it grew
    while left and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    if left != 1:
        raise SourceChanged(f"it had {size} bytes when it was opened")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _keeps(options: AddOptions) -> bool:
    return options.mode or options.mtime


def _metadata(status: os.stat_result, options: AddOptions) -> Metadata:
    if not _keeps(options):
        return NO_METADATA
    seconds, nanos = divmod(status.st_mtime_ns, 1_000_000_000)
    return Metadata(
        mode=status.st_mode & MODE_BITS if options.mode else None,
        mtime=Mtime(seconds, nanos) if options.mtime else None,
    )
