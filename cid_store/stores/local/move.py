"""Moving blocks within a store. All of it under the store's exclusive lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from cid_store.block import Block
from cid_store.errors import CorruptBlock, UnsupportedHash
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Container, Row
from cid_store.stores.local.folder import Folder, read_all, sync_folder, write_all
from cid_store.stores.local.index import Index
from cid_store.stores.local.locks import temp_file
from cid_store.stores.local.packs import HEADER, Appender, new_name, prefix

_AT_ONCE: Final = 16  # blocks of up to 2 MiB held while they are moved


def read_block(fd: int, row: Row, path: Path) -> Block:
    """The block at `row` of an open container; raises `CorruptBlock`."""
    cid = entries.cid_of(row.key, row.codec)
    data = read_all(fd, row.length, row.start)
    try:
        with suppress(UnsupportedHash):  # proven when it came in, by an extra that is gone: `get` will say so
            cid.check(data)
    except CorruptBlock:
        raise CorruptBlock(
            f"block {cid}, {row.start} bytes into {path}, does not match its hash", cid=cid
        ) from None
    return Block(cid, data)


def rescue(folder: Folder, index: Index, blocks: Iterable[Block]) -> None:
    """Copy blocks into new packs, whatever other places they have."""
    appender = Appender(folder, index, fsync=True, apart=True)
    batch: list[Block] = []
    try:
        for block in blocks:
            batch.append(block)
            if len(batch) == _AT_ONCE:
                _append(appender, index, batch)
                batch = []
        if batch:
            _append(appender, index, batch)
    finally:
        appender.close()


def _append(appender: Appender, index: Index, batch: list[Block]) -> None:
    with appender.turn():
        placed = appender.append(batch)
        with index.writing() as db:
            appender.commit(db, placed)


def compact(folder: Folder, db: Connection, pack: Container) -> None:
    """Write the located blocks of a pack into a new one, and remove the old one with what nobody needs.

    Raises `CorruptBlock`, having changed nothing: no copy gives a bad block new life.
    """
    old = folder.pack(pack.name)
    with temp_file(folder, alone=True) as (target, path):
        db.execute("BEGIN IMMEDIATE")
        try:
            name = new_name()
            container = entries.add_container(db, None, name, 0)
            size = len(HEADER)
            with old.open("rb", buffering=0) as source:
                for row, start in _rewritten(source.fileno(), entries.rows_of(db, pack.id), target, old):
                    size = start + row.length
                    db.execute(
                        "UPDATE blocks SET container = ?, start = ? WHERE key = ? AND container = ?",
                        (container, start, row.key, pack.id),
                    )
            db.execute("UPDATE containers SET size = ? WHERE id = ?", (size, container))
            entries.drop_containers(db, [pack.id, container] if size == len(HEADER) else [pack.id])
            if size > len(HEADER):
                os.fsync(target)
                path.rename(folder.pack(name))
                sync_folder(folder.sub("packs"))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    old.unlink(missing_ok=True)


def _rewritten(source: int, rows: Iterator[Row], target: int, path: Path) -> Iterator[tuple[Row, int]]:
    """Write each block to `target`; yields its old row and its new start."""
    write_all(target, HEADER, 0)
    at = len(HEADER)
    for row in rows:
        block = read_block(source, row, path)
        head = prefix(row.key, row.codec, row.length)
        write_all(target, head + bytes(block.data), at)
        yield row, at + len(head)
        at += len(head) + row.length
