"""Files on their way into the store: recognised where they are here already, else copied and named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from cid_store.cid import CID
from cid_store.stores.local import entries
from cid_store.stores.local.current import Current
from cid_store.stores.local.files import Outline, outline_buffer, recognise, take
from cid_store.stores.local.folder import write_all
from cid_store.stores.local.locks import temp_file


def take_stream(current: Current, source: BinaryIO, head: bytes) -> CID:
    """Keep a stream whose first bytes, `head`, have been read; returns the file's root."""

    def held(key: bytes) -> bool:
        with current.process().index.reading() as db:
            return bool(entries.held(db, [key]))

    known = recognise(source, head, held)
    if known and current.commit(known.nodes, known):
        return known.root
    with temp_file(current.folder) as (fd, path):
        return _keep(current, take(source, head, fd), fd, path)


def take_buffer(current: Current, view: memoryview) -> CID:
    """Keep a buffer's bytes as a file; returns its root."""
    file = outline_buffer(view)
    if current.commit(file.nodes, file):
        return file.root
    with temp_file(current.folder) as (fd, path):
        write_all(fd, view, 0)
        return _keep(current, file, fd, path)


def _keep(current: Current, file: Outline, fd: int, path: Path) -> CID:
    if current.fsync:
        os.fsync(fd)
    current.commit(file.nodes, file, path)
    return file.root
