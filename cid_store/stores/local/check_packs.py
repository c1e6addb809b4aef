"""Checking one pack of the store, or one that the index does not know."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from cid_store.errors import CorruptBlock
from cid_store.hashing import BATCH, threads
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Container, Row
from cid_store.stores.local.folder import Folder, read_all
from cid_store.stores.local.index import Index
from cid_store.stores.local.move import compact, read_block
from cid_store.stores.local.packs import HEADER, prefix, sections
from cid_store.stores.local.report import Notes

_AT_ONCE: Final = 256  # rows under way: little to hold, since threads drop each block's bytes once hashed


def check_pack(folder: Folder, index: Index, db: Connection, pack: Container, notes: Notes) -> None:
    """Hash every block of a pack, cut a torn tail, and write the pack anew if part of it is bad or dead."""
    path = folder.pack(pack.name)
    if not path.exists():
        _missing(index, db, pack, path, notes)
        return
    with path.open("rb" if not notes.repair else "r+b", buffering=0) as f:
        fd = f.fileno()
        size = os.fstat(fd).st_size
        if size > pack.size:
            notes.left("torn-tail", path, "cut off")
            if notes.repair:
                os.ftruncate(fd, pack.size)
        live, bad = len(HEADER), []
        sound = read_all(fd, len(HEADER), 0) == HEADER
        for row, data_good, frame_good in _examined(fd, entries.rows_of(db, pack.id), path):
            notes.blocks += 1
            notes.bytes += row.length
            live += len(prefix(row.key, row.codec, row.length)) + row.length
            sound = sound and frame_good
            if not data_good:
                bad.append(row)
                _keep_bad(folder, fd, row, path, notes)
    if not sound:
        notes.left("broken-frame", path, "the pack was written anew")
    elif live < pack.size:
        notes.left("dead-bytes", path, "the pack was written anew without them")
    if notes.repair and (bad or not sound or live != pack.size):
        _renew(folder, index, db, pack, bad)


def _renew(folder: Folder, index: Index, db: Connection, pack: Container, bad: list[Row]) -> None:
    with index.writing() as other:
        entries.drop_rows(other, pack.id, (row.key for row in bad))
    db.executemany(
        "DELETE FROM located WHERE container = ? AND start = ? AND key = ?",
        [(pack.id, row.start, row.key) for row in bad],
    )
    compact(folder, db, pack)


def _missing(index: Index, db: Connection, pack: Container, path: Path, notes: Notes) -> None:
    lost = list(entries.rows_of(db, pack.id))
    for row in lost:
        notes.damaged("missing-pack", path, entries.cid_of(row.key, row.codec), "dropped from the index")
    if notes.repair:
        with index.writing() as other:
            entries.drop_rows(other, pack.id, (row.key for row in lost))
            entries.drop_containers(other, [pack.id])


def _keep_bad(folder: Folder, fd: int, row: Row, path: Path, notes: Notes) -> None:
    cid = entries.cid_of(row.key, row.codec)
    notes.damaged("corrupt-block", path, cid, "dropped; its bytes are in quarantine")
    if notes.repair:
        folder.quarantine_bytes(cid, [read_all(fd, row.length, row.start)])


def _examined(fd: int, rows: Iterator[Row], path: Path) -> Iterator[tuple[Row, bool, bool]]:
    """Each row with whether its data and its frame are right; hashed on all cores."""

    def examine(row: Row) -> tuple[Row, bool, bool]:
        head = prefix(row.key, row.codec, row.length)
        framed = row.start >= len(head) and read_all(fd, len(head), row.start - len(head)) == head
        return row, _good(fd, row, path), framed

    with ThreadPoolExecutor(threads()) as pool:
        while batch := list(islice(rows, _AT_ONCE)):
            yield from pool.map(examine, batch)


def _good(fd: int, row: Row, path: Path) -> bool:
    try:
        read_block(fd, row, path)
    except CorruptBlock:
        return False
    return True


def adopt_pack(folder: Folder, index: Index, path: Path, notes: Notes) -> None:
    """Enter the good blocks of a pack that the index does not know, as far as its sections make sense."""
    if path.suffix != ".car" or not path.is_file() or path.is_symlink():
        notes.damaged("misnamed-file", path, None, "moved to quarantine")
        if notes.repair:
            folder.quarantine(path)
        return
    notes.left("unlisted-pack", path, "entered in the index")
    with path.open("r+b" if notes.repair else "rb", buffering=0) as f, index.writing() as db:
        good = _proven(folder, f.fileno(), path, notes)
        if not notes.repair:
            deque(good, maxlen=0)
            return
        container = entries.add_container(db, None, path.stem, len(HEADER))
        entries.add_rows(db, container, good)
        end = _end(f.fileno())
        if end < os.fstat(f.fileno()).st_size:
            folder.quarantine_bytes(f"{path.name}-tail", _pieces(f.fileno(), end))
            os.ftruncate(f.fileno(), end)
        db.execute("UPDATE containers SET size = ? WHERE id = ?", (end, container))


def _proven(folder: Folder, fd: int, path: Path, notes: Notes) -> Iterator[Row]:
    found = (Row(s.cid.multihash, s.start, s.length, s.cid.codec) for s in sections(fd))
    for row, good, _ in _examined(fd, found, path):
        notes.blocks += 1
        notes.bytes += row.length
        if good:
            yield row
        else:
            _keep_bad(folder, fd, row, path, notes)


def _end(fd: int) -> int:
    """Where the sections stop making sense."""
    end = len(HEADER)
    for section in sections(fd):
        end = section.start + section.length
    return end


def _pieces(fd: int, at: int) -> Iterator[bytes]:
    while piece := read_all(fd, BATCH, at):
        yield piece
        at += len(piece)
