"""Checking one whole file of the store, or one that the index does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.stores.local import entries
from cid_store.stores.local.entries import Container, Row
from cid_store.stores.local.files import CHUNK, Outline, outline_file
from cid_store.stores.local.folder import Folder
from cid_store.stores.local.index import Index
from cid_store.stores.local.move import read_block, rescue
from cid_store.stores.local.report import Notes


def check_file(folder: Folder, index: Index, db: Connection, file: Container, notes: Notes) -> None:
    """Hash a file and hold it against its name and its rows. A bad one is quarantined, its good blocks are
    saved.
    """
    rows = list(entries.rows_of(db, file.id))
    path = folder.file(CID(file.name))
    found = _outline(path)
    if found is None:
        _forget(folder, index, file, path, rows, [], notes)
        return
    notes.blocks += len(found.leaves)
    notes.bytes += found.size
    true = {i * CHUNK: b"\x12\x20" + digest for i, digest in enumerate(found.leaves)}
    bad = [
        row
        for row in rows
        if true.get(row.start) != row.key or row.length != min(CHUNK, found.size - row.start)
    ]
    if found.root != file.name:
        _forget(folder, index, file, path, bad, [row for row in rows if row not in bad], notes)
        return
    for row in bad:
        notes.damaged("wrong-row", path, entries.cid_of(row.key, row.codec), "dropped from the index")
    if notes.repair:
        _complete(folder, index, file.id, found, bad)


def adopt_file(folder: Folder, index: Index, path: Path, notes: Notes) -> None:
    """Enter a file that the index does not know, if it is what its name says."""
    found = _outline(path)
    if found is None or found.root != path.name or path != folder.file(found.root):
        notes.damaged("misnamed-file", path, None, "moved to quarantine")
        if notes.repair:
            folder.quarantine(path)
        return
    notes.blocks += len(found.leaves)
    notes.bytes += found.size
    notes.left("unlisted-file", path, "entered in the index")
    if notes.repair:
        with index.writing() as db:
            container = entries.add_container(db, found.root.multihash, found.root, found.size)
        _complete(folder, index, container, found, [])


def _outline(path: Path) -> Outline | None:
    if not path.is_file() or path.is_symlink() or not path.stat().st_size:
        return None
    with path.open("rb", buffering=0) as f:
        return outline_file(f.fileno())


def _complete(folder: Folder, index: Index, container: int, file: Outline, bad: Sequence[Row]) -> None:
    """Drop wrong rows of a good file; enter all that it should have, and its nodes where they are missing."""
    with index.writing() as db:
        entries.drop_rows(db, container, (row.key for row in bad))
        entries.add_rows(db, container, file.rows())
        held = entries.held(db, [node.cid.multihash for node in file.nodes])
    rescue(folder, index, [node for node in file.nodes if node.cid.multihash not in held])


def _forget(
    folder: Folder,
    index: Index,
    file: Container,
    path: Path,
    lost: Sequence[Row],
    good: Sequence[Row],
    notes: Notes,
) -> None:
    """Take a damaged or missing file out of the index, after copying its good blocks into packs."""
    kind = "corrupt-block" if path.exists() else "missing-file"
    for row in lost:
        notes.damaged(
            kind, path, entries.cid_of(row.key, row.codec), "dropped; the file's good blocks are kept"
        )
    if not lost:
        notes.damaged("misnamed-file", path, None, "moved to quarantine; its blocks are kept")
    if not notes.repair:
        return
    if good:
        with path.open("rb", buffering=0) as f:
            rescue(folder, index, _each(f.fileno(), good, path))
    with index.writing() as db:
        entries.drop_rows(db, file.id, (row.key for row in (*lost, *good)))
        entries.drop_containers(db, [file.id])
    if path.exists():
        folder.quarantine(path)


def _each(fd: int, rows: Sequence[Row], path: Path) -> Iterator[Block]:
    return (read_block(fd, row, path) for row in rows)
