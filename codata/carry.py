"""Take it along: everything that belongs to a root, in one CAR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cid_store import Store
from cid_store.block import Block
from cid_store.car import ImportReport, import_car, write_car
from cid_store.cid import CID
from codata.closure import closure
from codata.home import Home
from codata.records.base import kind_of
from codata.records.run import Run


@dataclass(frozen=True)
class Carried:
    """A CAR's root, and how many blocks and bytes of blocks it holds."""

    root: CID
    blocks: int
    bytes: int


def create(store: Store, root: CID, path: Path) -> Carried:
    """Write `root` and all that belongs to it to a new CAR at `path`; a file half written is not left behind."""
    blocks = size = 0

    def each() -> Iterator[Block]:
        nonlocal blocks, size
        for cid in closure(store, [root]):
            data = store.get(cid)
            blocks, size = blocks + 1, size + len(data)
            yield Block(cid, data)

    fresh = path.with_name(f"{path.name}.part")
    try:
        with fresh.open("wb") as f:
            write_car(f, [root], each())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return Carried(root, blocks, size)


def bring(home: Home, path: Path) -> ImportReport:
    """Import a CAR; its roots are pinned, and runs among them can be found by their outputs."""
    report = import_car(home.store, path)
    home.store.persist(root for root in report.roots if home.store.has(root))
    for root in report.roots:
        home.keeper.pin(root)
        if home.store.has(root) and kind_of(home.store, root) == Run.kind:
            home.add_run(root, Run.load(home.store, root).outputs.values())
    return report
