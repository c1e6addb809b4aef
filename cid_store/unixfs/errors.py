"""What can go wrong with files and folders, beyond blocks that are absent or corrupt."""

from __future__ import annotations

from cid_store.errors import CidStoreError, DecodeError, EncodeError, UsageError


class BadUnixFS(DecodeError):
    """A node whose parts contradict each other, or the UnixFS specification."""


class NotAFile(UsageError):
    """File bytes were asked of something that is no UnixFS file."""

    default_next = "list it with `codata ls`, and name a file inside it"


class NotADirectory(UsageError):
    """Entries were asked of something that is no UnixFS directory."""

    default_next = "only directories have entries: shorten the path"


class PathNotFound(UsageError):
    """A path names no entry."""

    default_next = "list the directory with `codata ls` to see what it holds"


class UnsupportedEntry(EncodeError):
    """Something on disk that UnixFS can't express: a socket, a device, a name that is not UTF-8."""

    default_next = "move it out of the folder, or add the other entries one by one"


class UnsafeName(CidStoreError):
    """An entry that can't be written into a folder without leaving it or replacing something else."""

    exit_code = 4
    default_next = "export the other entries one by one, by path"


class AlreadyExists(UsageError):
    """An export would replace something on disk."""

    default_next = "export into an empty folder, or ask to overwrite (--force)"
