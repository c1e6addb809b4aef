"""Bytes by CID: codecs, UnixFS, CAR, stores, pieces.

from cid_store import CID, open_store
with open_store("./blocks") as store:
    root = store.put_file("data.parquet")
    store.open_file(root).read(0, 100)
"""

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CidStoreError
from cid_store.store import Store
from cid_store.stores import open_store

__all__ = ["CID", "Block", "CidStoreError", "Store", "open_store"]
