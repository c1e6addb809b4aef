"""A dataset's records from whoever holds them, when all that is known is its CID."""

from __future__ import annotations

from collections.abc import Sequence

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from cid_store.stores.overlay import OverlayStore
from codata.home import Home
from codata.records import pages
from codata.records.manifest import Manifest
from codata.remote.client import Client, blaming
from codata.remote.errors import OwnStoreFailed
from codata.remote.own import OwnStore


def bring_manifest(home: Home, urls: Sequence[str], cid: CID) -> None:
    """Keep the manifest `cid` and the pages that list its shards; the shards are not brought.

    Raises `BlockNotFound` where no provider gives them, with what each said; `OwnStoreFailed`.
    """
    said: list[str] = []
    for url in urls:
        client = Client(url, home.identity)
        try:
            with blaming(client):
                _take(OwnStore(home.store), client, cid)
            return
        except OwnStoreFailed:
            raise
        except CidStoreError as e:
            said.append(e.message)
        finally:
            client.close()
    raise BlockNotFound(
        f"{cid} is not in {home.store}, and no provider gives it: {'; '.join(said)}",
        cid=cid,
        next_step="name a provider that holds it with --on",
    )


def _take(store: Store, client: Client, cid: CID) -> None:
    both = OverlayStore(store, client.blocks)
    record = Manifest.load(both, cid)
    for page in (*pages.cids(both, record.shards), cid):
        store.put_many([Block(page, both.get(page))])
