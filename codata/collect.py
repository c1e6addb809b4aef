"""What a home keeps, and letting go of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cid_store.cid import CID
from cid_store.errors import (
    BlockNotFound,
    CorruptBlock,
    DecodeError,
    LimitExceeded,
    UnsupportedCodec,
    UsageError,
)
from cid_store.pins import GcReport
from cid_store.stores.local import LocalStore
from codata.closure import closure, reachable
from codata.home import Home

_BROKEN: Final = (BlockNotFound, CorruptBlock, DecodeError, LimitExceeded, UnsupportedCodec)


def collect(home: Home, *, dry_run: bool = False) -> GcReport:
    """Delete what belongs to no pin, no name, nobody it is kept for, and no attestation of a kept run."""
    let_go = home.kept.lingering()
    report = home.keeper.gc(_kept(home), dry_run=dry_run)
    if not dry_run:
        home.kept.collected(let_go)
    return report


def _kept(home: Home) -> Iterator[CID]:
    roots = {pin.cid for pin in home.keeper.pins()} | set(home.names.all().values())
    for cid, kind in home.kept.roots():
        if kind == "recursive":
            roots.add(cid)
        else:
            yield cid
    roots |= {a for root in list(roots) for a in home.ledger.attestations(root)}
    for root in sorted(roots):
        try:
            yield from closure(home.store, [root])
        except _BROKEN:
            # A pin may wait for blocks that are still to come, and a part of it may be damaged or be no
            # record at all: whatever is here of it stays.
            yield from reachable(home.store, root)


def local(home: Home) -> LocalStore:
    """The home's store where it is a local one; raises `UsageError`."""
    if not isinstance(home.store, LocalStore):
        raise UsageError(f"{home.store} can't be checked from here", next_step="use a local store")
    return home.store
