"""`ipfs://CID/path` for fsspec: pandas, Polars, pyarrow, DuckDB and Dask read files of a store by their CID.

Read-only. Every byte is proven before it is handed out, and only the blocks that hold a range are fetched.
The store is `store=`, a URL or an open `Store`; without it what `CODATA_STORE` names, else the folder `store`
of the home that `CODATA_HOME` names.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem  # type: ignore[import-untyped]

from cid_store import unixfs
from cid_store.cid import CID
from cid_store.errors import UsageError
from cid_store.store import Store
from cid_store.stores import open_store
from cid_store.unixfs.errors import NotADirectory, NotAFile, PathNotFound

_TYPES = {"file": "file", "directory": "directory", "symlink": "link", "other": "other"}


class IPFSFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files and folders of a store, by paths that begin with a CID."""

    protocol = "ipfs"
    root_marker = ""

    def __init__(self, store: Store | str | None = None, **options: Any) -> None:
        """`store`: a URL or an open store. Only a URL, or a store that pickles, reaches other processes."""
        super().__init__(store=store, **options)
        self.store = store if isinstance(store, Store) else open_store(store or _default_store())

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(p) for p in path]
        text = os.fspath(path)
        for prefix in ("ipfs://", "/ipfs/", "ipfs:"):
            text = text.removeprefix(prefix)
        return text.strip("/")

    def unstrip_protocol(self, name: str) -> str:
        """The URL of a path."""
        return f"ipfs://{self._strip_protocol(name)}"

    def cid(self, path: str) -> CID:
        """The CID that a path names; raises `FileNotFoundError`."""
        with _as_os_errors(path):
            return unixfs.resolve(self.store, self._strip_protocol(path))

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """`name`, `size` in bytes, `type` and `cid`; for a symlink also its `destination`."""
        name = self._strip_protocol(path)
        found = unixfs.stat(self.store, self.cid(name))
        entry: dict[str, Any] = {
            "name": name,
            "size": found.size,
            "type": _TYPES[found.kind],
            "cid": found.cid,
        }
        if found.target is not None:
            entry["destination"] = found.target
        return entry

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """The entries of a folder, or a file alone; by their names where not `detail`."""
        name = self._strip_protocol(path)
        above = self.info(name)
        if above["type"] != "directory":
            found = [above]
        else:
            found = [
                {"name": f"{name}/{e.name}", "size": e.size, "type": _TYPES[e.kind], "cid": e.cid}
                for e in unixfs.ls(self.store, above["cid"])
            ]
        return found if detail else [entry["name"] for entry in found]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """The bytes from `start` to before `end`; negative ones count from the end of the file."""
        with _as_os_errors(path):
            reader = self.store.open_file(self.cid(path))
        first, stop, _ = slice(start, end).indices(reader.size)
        return reader.read(first, max(0, stop - first))

    def ukey(self, path: str) -> str:
        """What changes when the file does: its CID."""
        return str(self.cid(path))

    def checksum(self, path: str) -> int:
        """The CID's digest as a number."""
        return int.from_bytes(self.cid(path).digest, "big")

    def modified(self, path: str) -> datetime:
        """The epoch: what a CID names never changed. DuckDB asks, to see whether a file is still the same."""
        self.cid(path)
        return datetime.fromtimestamp(0, UTC)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = "default",
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> IPFSFile:
        if mode != "rb":
            raise io.UnsupportedOperation(
                f"{path!r} can't be opened as {mode!r}: what a CID names never changes"
            )
        return IPFSFile(self, path, mode, block_size, cache_options=cache_options, **options)


class IPFSFile(AbstractBufferedFile):  # type: ignore[misc]
    """An open file. Ranges are read ahead as fsspec's caches do."""

    def __init__(self, fs: IPFSFileSystem, path: str, *arguments: Any, **options: Any) -> None:
        with _as_os_errors(path):
            self._reader = fs.store.open_file(fs.cid(path))
        super().__init__(fs, path, *arguments, **{**options, "size": self._reader.size})

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._reader.read(start, max(0, end - start))


@contextmanager
def _as_os_errors(path: str) -> Iterator[None]:
    """Libraries above expect the errors of a file system where there is no such path."""
    try:
        yield
    except PathNotFound as e:
        raise FileNotFoundError(e.message) from e
    except NotADirectory as e:
        raise NotADirectoryError(e.message) from e
    except NotAFile as e:
        raise IsADirectoryError(f"{path!r} is no file: {e.message}") from e


def _default_store() -> str:
    if url := os.environ.get("CODATA_STORE"):
        return url
    if home := os.environ.get("CODATA_HOME"):
        return str(Path(home) / "store")
    raise UsageError(
        "no store is named for ipfs:// paths",
        next_step='give storage_options={"store": URL}, or set CODATA_STORE or CODATA_HOME',
    )
