"""Taking a receipt home: what it claims is proven as far as it can be without running the task again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR
from cid_store.stores.overlay import OverlayStore
from codata import seals
from codata.closure import PAGE
from codata.errors import BadRecord, FalseClaim
from codata.execute.known import small_outputs
from codata.records import pages
from codata.records.base import kind_of
from codata.records.environment import Environment
from codata.records.receipt import Receipt
from codata.records.run import RunRow
from codata.remote.client import Client, blaming
from codata.remote.errors import ProviderLied
from codata.remote.own import OwnStore

MAX_SMALL: Final = 64 * 1024 * 1024
"""Bytes of all nodes that one task gives: what plans read is far smaller."""

MAX_OUTPUTS: Final = 64
"""Outputs of one task: operations have one or a few."""


class Taker:
    """Takes receipts of one provider, known by its DID, into a store."""

    def __init__(self, client: Client, did: str, store: Store) -> None:
        self._client, self._did, self._store = client, did, OwnStore(store)
        self._checker = seals.Checker(self._store)

    def take(self, row: RunRow) -> Receipt:
        """The receipt of a row that the provider told, with its seal, its environment and its nodes, which
        are kept. Raises `ProviderLied` where any is not what it claims to be, `ProviderUnreachable`, and
        `OwnStoreFailed` for what is not the provider's fault.
        """
        with blaming(self._client):
            self._keep([row.receipt, row.seal])
            try:
                receipt = self._checker.receipt(row)
            except (FalseClaim, BadRecord) as e:
                raise ProviderLied(f"{self._client.url}: {e.message}", cid=row.receipt) from e
            if receipt.executor != self._did:
                raise ProviderLied(
                    f"{self._client.url} gives a receipt of {receipt.executor}", cid=row.receipt
                )
            if len(receipt.out) > MAX_OUTPUTS:
                raise ProviderLied(
                    f"{self._client.url} gives a receipt of {len(receipt.out)} outputs", cid=row.receipt
                )
            self._keep([receipt.environment])
            Environment.load(self._store, receipt.environment)
            self._nodes(receipt)
        return receipt

    def _keep(self, cids: Iterable[CID]) -> None:
        lacking = [cid for cid in dict.fromkeys(cids) if not self._store.has(cid)]
        if lacking:
            self._store.put_many(self._client.blocks.get_many(lacking))

    def _nodes(self, receipt: Receipt) -> None:
        """Bring what plans read: nodes, candidate cuts, lists with all their pages."""
        small = small_outputs(receipt)
        self._keep(small)
        left = MAX_SMALL
        both = OverlayStore(self._store, self._client.blocks)
        for root in small:
            if root.codec != DAG_CBOR or kind_of(self._store, root) != PAGE:
                continue
            for cid in pages.cids(both, root):
                data = both.get(cid)
                left -= len(data)
                if left < 0:
                    raise ProviderLied(
                        f"{self._client.url} gives a list of more than {MAX_SMALL} bytes", cid=root
                    )
                self._store.put_many([Block(cid, data)])
