"""Work that need not be done: receipts of trusted executors, held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cid_store.cid import CID, DAG_CBOR
from codata.home import Home
from codata.records.receipt import Receipt

BATCH = 10_000
"""Blocks that the store is asked about at once."""

Known = tuple[CID, Receipt]


@dataclass(frozen=True)
class Found:
    """Receipts that stand for their tasks, by task; and the tasks about which executors disagree."""

    known: Mapping[CID, Known]
    conflicts: Sequence[CID]


class Cache:
    """The receipts of one home that count here: of trusted executors, sealed, whose small outputs are held.

    Tables need not be held: they can be made again where they are needed.
    """

    def __init__(self, home: Home) -> None:
        self._ledger, self._store = home.ledger, home.store
        self._me = home.identity.did
        self._trusted = set(home.trusted())

    def distrust(self, did: str) -> None:
        """Count no receipt of this executor any more."""
        self._trusted.discard(did)

    def look(self, tasks: Iterable[CID]) -> Found:
        """What is known of these tasks; its small outputs are safe from `gc` from now on."""
        known: dict[CID, Known] = {}
        conflicts: list[CID] = []
        for task in tasks:
            receipts = self._receipts(task)
            mine = [r for r in receipts if r[1].executor == self._me]
            if _disagree(receipts):
                conflicts.append(task)
                receipts = (
                    [] if _disagree(mine) else mine
                )  # done here already: the word of others adds nothing
            if receipts:
                known[task] = receipts[0]
        small = {cid for _, receipt in known.values() for cid in small_outputs(receipt)}
        lost = set(self._lost(sorted(small)))
        known = {t: k for t, k in known.items() if lost.isdisjoint(small_outputs(k[1]))}
        return Found(known, conflicts)

    def _receipts(self, task: CID) -> list[Known]:
        found: list[Known] = []
        for cid, executor in self._ledger.receipts(task):
            sealed = executor == self._me or self._ledger.sealed(cid) is not None
            if executor in self._trusted and sealed and self._store.has(cid):
                found.append((cid, Receipt.load(self._store, cid)))
        return found

    def _lost(self, cids: Sequence[CID]) -> Iterable[CID]:
        for start in range(0, len(cids), BATCH):
            batch = cids[start : start + BATCH]
            yield from (cid for cid, here in zip(batch, self._store.touch(batch), strict=True) if not here)


def _disagree(receipts: Sequence[Known]) -> bool:
    return any(r.out != receipts[0][1].out for _, r in receipts)


def small_outputs(receipt: Receipt) -> list[CID]:
    """The nodes among a receipt's outputs: what plans read."""
    nodes = [o.cid for o in receipt.out.values() if o.cid.codec == DAG_CBOR]
    return nodes + [o.cuts for o in receipt.out.values() if o.cuts]


def all_outputs(receipt: Receipt) -> list[CID]:
    """Everything that a receipt says was made."""
    return list(dict.fromkeys([o.cid for o in receipt.out.values()] + small_outputs(receipt)))
