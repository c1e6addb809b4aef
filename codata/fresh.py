"""A file that appears under its name whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from cid_store.errors import StoreError, UsageError


@contextmanager
def fresh(path: Path) -> Iterator[BufferedWriter]:
    """A file to write, which takes the place of `path` when the `with` block ends well; else nothing is left
    of it.

    Raises `UsageError` where `path` is a folder, or a device, which must not be replaced by a file;
    `StoreError` from the disk.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is there and is no file", next_step="choose the path of a file")
    # Not a name that could be somebody's: a second export may be under way.
    unfinished = path.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            yield file
        os.replace(unfinished, path)
    except OSError as e:
        raise StoreError(
            f"can't write {path}: {e.strerror or e}",
            next_step="check that its folder is there, its permissions, and the space left",
        ) from e
    finally:
        unfinished.unlink(missing_ok=True)
