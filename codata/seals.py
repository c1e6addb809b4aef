"""Sealing receipts: one signature over a batch, an inclusion proof for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cid_store import Store
from cid_store.cid import CID
from codata import identity, merkle
from codata.errors import FalseClaim
from codata.home import Home
from codata.ledger import Sealed
from codata.records.fields import Value
from codata.records.receipt import Receipt
from codata.records.run import RunRow
from codata.records.seal import Seal

CONTEXT: Final = "codata/seal/1"
BATCH: Final = 256
"""Receipts in one seal at most: a killed run loses the proofs of fewer than these."""


def make(home: Home, receipts: Sequence[CID]) -> CID:
    """Seal receipts of this home's identity, in this order; returns the seal."""
    root, proofs = merkle.tree([merkle.leaf_hash(r.binary) for r in receipts])
    me = home.identity
    claim = _claim(me.did, len(receipts), root)
    seal = Seal(me.did, len(receipts), root, me.sign(CONTEXT, claim)).save(home.store)
    home.ledger.seal(
        (r, Sealed(seal, i, path)) for i, (r, path) in enumerate(zip(receipts, proofs, strict=True))
    )
    return seal


def _claim(executor: str, count: int, root: bytes) -> dict[str, Value]:
    return {"executor": executor, "count": count, "root": root}


class Checker:
    """Checks rows of a run against their seals; each seal's signature once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._good: dict[CID, Seal] = {}

    def receipt(self, row: RunRow) -> Receipt:
        """The row's receipt, proven to be for its task and from the executor that it names; raises
        `FalseClaim`."""
        executor = self._executor(row)
        receipt = Receipt.load(self._store, row.receipt)
        if receipt.task != row.task:
            raise FalseClaim(
                f"receipt {row.receipt} is for task {receipt.task}, not for {row.task}", cid=row.receipt
            )
        if receipt.executor != executor:
            raise FalseClaim(f"receipt {row.receipt} names another executor than its seal", cid=row.receipt)
        return receipt

    def _executor(self, row: RunRow) -> str:
        seal = self._good.get(row.seal)
        if seal is None:
            seal = Seal.load(self._store, row.seal)
            identity.verify(
                seal.executor, CONTEXT, _claim(seal.executor, seal.count, seal.root), seal.signature
            )
            self._good[row.seal] = seal
        leaf = merkle.leaf_hash(row.receipt.binary)
        if merkle.root_from(leaf, row.index, seal.count, row.proof) != seal.root:
            raise FalseClaim(f"receipt {row.receipt} is not in the seal {row.seal}", cid=row.receipt)
        return seal.executor
