from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.cid import CID
from cid_store.store import Store
from cid_store.stores.local import LocalStore
from cid_store.testing import KeeperContract, StoreContract


def flip(store: LocalStore, cid: CID) -> Path:
    """Flip a bit of a block where it lies; returns the file."""
    (place, *_) = store._places(cid)
    path = store._path(place)
    path.chmod(0o644)
    with path.open("r+b") as f:
        f.seek(place.start)
        (byte,) = f.read(1)
        f.seek(place.start)
        f.write(bytes([byte ^ 1]))
    return path


class TestLocalStore(StoreContract, KeeperContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with LocalStore(tmp_path / "store") as store:
            yield store

    def corrupt(self, store: Store, cid: CID) -> None:
        assert isinstance(store, LocalStore)
        flip(store, cid)


class TestWithoutFsync(TestLocalStore):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with LocalStore(tmp_path / "store", fsync=False) as store:
            yield store


def test_the_index_says_how_large_blocks_are(tmp_path: Path) -> None:
    with LocalStore(tmp_path) as store:
        file = store.put_file(bytes(3_000_000))
        cids = [store.put(b"seven b"), store.put(b""), CID.make(0x55, b"absent"), file]
        assert store.sizes(cids) == [7, 0, None, len(store.get(file))]
        assert store.sizes([]) == []
