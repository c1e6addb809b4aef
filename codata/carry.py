"""Take it along: everything that belongs to a root, in one CAR."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cid_store import Store
from cid_store.block import Block
from cid_store.car import ImportReport, import_car, write_car
from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata import identity, seals
from codata.closure import closure
from codata.execute.known import all_outputs
from codata.execute.run import CONTEXT
from codata.home import Home, Sealed
from codata.records.attestation import Attestation
from codata.records.base import kind_of
from codata.records.run import Run
from codata.verify.verify import check_attestation


@dataclass(frozen=True)
class Carried:
    """A CAR's root, and how many blocks and bytes of blocks it holds."""

    root: CID
    blocks: int
    bytes: int


def create(store: Store, root: CID, path: Path) -> Carried:
    """Write `root` and all that belongs to it to a new CAR at `path`; a file half written is not left
    behind."""
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
    """Import a CAR; its roots are pinned. What runs and attestations among them claim can be found from now
    on.

    Receipts are evidence; only those of executors that are trusted here count as work done.
    """
    report = import_car(home.store, path)
    home.store.persist(root for root in report.roots if home.store.has(root))
    for root in report.roots:
        home.keeper.pin(root)
        # Claims that do not hold are not taken up; `codata verify` says what is wrong with them.
        with suppress(CidStoreError):
            _take_up(home, root)
    return report


def _take_up(home: Home, root: CID) -> None:
    kind = kind_of(home.store, root)
    if kind == Run.kind:
        _take_up_run(home, root)
    elif kind == Attestation.kind:
        record = Attestation.load(home.store, root)
        check_attestation(record)
        home.add_attestation(record.run, root)
        _take_up_run(home, record.run)


def _take_up_run(home: Home, cid: CID) -> None:
    """Index a run: found by its outputs, and its receipts as far as their seals hold."""
    run = Run.load(home.store, cid)
    identity.verify(run.coordinator, CONTEXT, run.claim(), run.signature)
    home.add_run(cid, run.outputs.values())
    checker = seals.Checker(home.store)
    for row in run.entries(home.store):
        receipt = checker.receipt(row)
        home.seal([(row.receipt, Sealed(row.seal, row.index, row.proof))])
        home.record(row.task, row.receipt, receipt.executor, all_outputs(receipt))
