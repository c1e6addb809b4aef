from __future__ import annotations

import pytest

from cid_store.cid import CID
from cid_store.store import Store
from cid_store.stores.memory import MemoryStore
from cid_store.testing import KeeperContract, StoreContract
from tests.stores import spoil


class TestMemoryStore(StoreContract, KeeperContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

    def corrupt(self, store: Store, cid: CID) -> None:
        spoil(store, cid)
