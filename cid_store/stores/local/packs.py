"""Packs: append-only files of small blocks. A pack is a CARv1 without roots, so it tells by itself what it
holds.

One process appends to a pack at a time. The index says how many bytes of a pack are committed; what lies
beyond is the torn tail of a write that never finished, and the next append cuts it off.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NamedTuple

from cid_store import varint
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import DecodeError, InvalidCID
from cid_store.store import MAX_BLOCK
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Row
from cid_store.stores.local.folder import Folder, read_all, sync_folder, write_all
from cid_store.stores.local.index import Index
from cid_store.stores.local.locks import try_lock

HEADER: Final = bytes.fromhex("11a265726f6f7473806776657273696f6e01")
"""The CARv1 header `{"roots": [], "version": 1}` in DAG-CBOR, after its length."""

FULL: Final = 256 * 1024 * 1024
"""Bytes. A pack of this size is appended to no more: it bounds what compaction rewrites."""

_TRIED: Final = 32  # packs that are not full and may be in use elsewhere, before a new one is begun
_HEAD: Final = 512  # bytes that surely hold a section's length and CID


class Section(NamedTuple):
    """A block found in a pack: its data is `length` bytes at `start`."""

    cid: CID
    start: int
    length: int


def prefix(key: bytes, codec: int, length: int) -> bytes:
    """What stands before a block's data in a pack: the length of CID and data, and the CID, as version 1."""
    cid = b"\x01" + varint.encode(codec) + key
    return varint.encode(len(cid) + length) + cid


def sections(fd: int) -> Iterator[Section]:
    """The sections of a pack, until its end or to where its bytes make no sense. Data is neither read nor
    checked.
    """
    end = os.fstat(fd).st_size
    at = len(HEADER)
    if read_all(fd, at, 0) != HEADER:
        return
    while at < end:
        head = read_all(fd, _HEAD, at)
        try:
            size, skip = varint.decode(head)
            cid, data = CID.read(head, skip)
        except (DecodeError, InvalidCID):
            return
        length = size - (data - skip)
        if not 0 <= length <= MAX_BLOCK or at + data + length > end:
            return
        yield Section(cid, at + data, length)
        at += data + length


class Placed(NamedTuple):
    """Blocks appended and not yet committed, and the pack's size with them."""

    rows: list[Row]
    size: int


class Appender:
    """This process's pack. Threads take turns: each commits what it appended before the next one appends."""

    def __init__(self, folder: Folder, index: Index, *, fsync: bool, apart: bool = False) -> None:
        """`apart`: append to new packs only, so that those there already stay as they were seen."""
        self._folder = folder
        self._apart = apart
        self._index = index
        self._fsync = fsync
        self._mutex = threading.Lock()
        self._fd = -1
        self._name = ""
        self._container: int | None = None
        self._inode = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among the threads of this process."""
        with self._mutex:
            yield

    def append(self, blocks: Iterable[Block]) -> Placed:
        """Append blocks, each small enough. Durable when it returns, if so asked; `commit` then enters them.

        Called within `turn`, under the store's shared lock.
        """
        size = self._open()
        rows, parts, at = [], [], size
        for block in blocks:
            key, codec = block.cid.multihash, block.cid.codec
            head = prefix(key, codec, len(block.data))
            rows.append(Row(key, at + len(head), len(block.data), codec))
            parts += [head, block.data]
            at += len(head) + len(block.data)
        write_all(self._fd, b"".join(parts), size)
        if self._fsync:
            os.fsync(self._fd)
        return Placed(rows, at)

    def commit(self, db: Connection, placed: Placed) -> None:
        """Enter what was appended. If the transaction fails, the next append cuts it off."""
        if self._container is None:
            self._container = entries.add_container(db, None, self._name, placed.size, synced=self._fsync)
        else:
            # One sync takes along what others appended before without.
            values = placed.size, self._fsync, self._container
            db.execute("UPDATE containers SET size = ?, synced = ? WHERE id = ?", values)
        entries.add_rows(db, self._container, placed.rows)

    def close(self) -> None:
        """Let go of the pack."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        """Open the pack to append to and cut it to its committed size, which is returned."""
        size = self._committed() if self._fd >= 0 else None
        if size is None or size >= FULL:
            self.close()
            size = self._adopt() or self._begin()
        os.ftruncate(self._fd, size)
        return size

    def _committed(self) -> int | None:
        """The open pack's size by the index; None where `gc` or `check` has moved it."""
        if self._inode != self._index.inode():
            return None
        with self._index.reading() as db:
            row = db.execute(
                "SELECT size FROM containers WHERE id = ? AND name = ?", (self._container, self._name)
            ).fetchone()
        return row[0] if row else None

    def _adopt(self) -> int | None:
        self._inode = self._index.inode()
        if self._apart:
            return None
        with self._index.reading() as db:
            found = db.execute(
                "SELECT id, name FROM containers WHERE root IS NULL AND size < ? ORDER BY id LIMIT ?",
                (FULL, _TRIED),
            ).fetchall()
        for self._container, self._name in found:
            if self._take(self._folder.pack(self._name)):
                # Only now: its last holder may have appended since the index was asked.
                size = self._committed()
                if size is not None and size < FULL and os.fstat(self._fd).st_size >= size:
                    return size
                self.close()
        return None

    def _take(self, path: Path) -> bool:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if try_lock(self._fd):
            return True
        self.close()
        return False

    def _begin(self) -> int:
        self._container, self._name = None, new_name()
        path = self._folder.pack(self._name)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try_lock(self._fd)
        write_all(self._fd, HEADER, 0)
        if self._fsync:
            sync_folder(path.parent)
        return len(HEADER)


def new_name() -> str:
    """A pack name that was never used: a reader that holds an old one must not find other bytes under it."""
    return secrets.token_hex(8)
