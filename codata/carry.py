"""Take it along: everything that belongs to a root, in one CAR."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cid_store import Store
from cid_store.block import Block
from cid_store.car import CarReport, ImportReport, import_car, verify_car, write_car
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from cid_store.stores.local import LocalStore
from codata import identity, seals
from codata.closure import closure
from codata.execute.known import all_outputs
from codata.execute.run import CONTEXT
from codata.fresh import fresh
from codata.home import Home
from codata.ledger import Sealed
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

    with fresh(path) as f:
        write_car(f, [root], each())
    return Carried(root, blocks, size)


def verify(path: Path) -> CarReport:
    """As `verify_car`; `missing` holds only what belongs to the roots. A run links tables that it does not
    promise."""
    report = verify_car(path)
    if report.complete or report.missing_roots:
        return report
    with (
        tempfile.TemporaryDirectory(prefix="codata-car-") as folder,
        LocalStore(folder, fsync=False) as store,
    ):
        import_car(store, path)
        needed: set[bytes] = set()
        with suppress(BlockNotFound):  # an inner block that is missing is among the missing links already
            needed.update(cid.multihash for cid in closure(store, report.roots))
        lost = [cid for cid in report.missing if cid.multihash in needed]
        return replace(report, missing=tuple(lost) or _first_lost(store, report.roots))


def _first_lost(store: Store, roots: Iterable[CID]) -> tuple[CID, ...]:
    """The block for want of which the closure can't be followed, if there is one."""
    try:
        deque(closure(store, roots), maxlen=0)
    except BlockNotFound as e:
        return (CID(e.cid),) if e.cid else ()
    return ()


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
        home.ledger.add_attestation(record.run, root)
        _take_up_run(home, record.run)


def _take_up_run(home: Home, cid: CID) -> None:
    """Index a run: found by its outputs, and its receipts as far as their seals hold."""
    run = Run.load(home.store, cid)
    identity.verify(run.coordinator, CONTEXT, run.claim(), run.signature)
    home.ledger.add_run(cid, run.outputs.values())
    checker = seals.Checker(home.store)
    for row in run.entries(home.store):
        receipt = checker.receipt(row)
        home.ledger.seal([(row.receipt, Sealed(row.seal, row.index, row.proof))])
        home.ledger.record(row.task, row.receipt, receipt.executor, all_outputs(receipt))
