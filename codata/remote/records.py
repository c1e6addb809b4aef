"""A dataset's records from whoever holds them, when all that is known is its CID."""

from __future__ import annotations

from collections.abc import Sequence

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from cid_store.stores.overlay import OverlayStore
from codata.home import Home
from codata.records import pages
from codata.records.manifest import Manifest
from codata.remote.client import Client, blaming


def bring_manifest(home: Home, urls: Sequence[str], cid: CID) -> None:
    """Keep the manifest `cid` and the pages that list its shards; the shards are not brought.

    Raises `BlockNotFound` where no provider gives them, with what each said.
    """
    said: list[str] = []
    for url in urls:
        client = Client(url, home.identity)
        try:
            with blaming(client):
                _take(home, client, cid)
            return
        except CidStoreError as e:
            said.append(e.message)
        finally:
            client.close()
    raise BlockNotFound(
        f"{cid} is not in {home.store}, and no provider gives it: {'; '.join(said)}",
        cid=cid,
        next_step="name a provider that holds it with --on",
    )


def _take(home: Home, client: Client, cid: CID) -> None:
    both = OverlayStore(home.store, client.blocks)
    record = Manifest.load(both, cid)
    for page in (*pages.cids(both, record.shards), cid):
        home.store.put_many([Block(page, both.get(page))])
