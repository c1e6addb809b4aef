from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from cid_store.cid import CID
from cid_store.store import Store
from cid_store.stores.s3 import S3Store
from cid_store.stores.s3.packing import car_key
from cid_store.testing import StoreContract
from tests.servers import S3Server, credentials, s3_server

_COUNTER = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def url(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for key, value in credentials().items():
        monkeypatch.setenv(key, value)
    return server.url(f"store-{next(_COUNTER)}")


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with S3Store.from_url(url) as store:
            yield store

    def corrupt(self, store: Store, cid: CID) -> None:
        assert isinstance(store, S3Store)
        place = store._catalog.find(cid)[0]
        size = int(place.car.partition("-")[2])
        car = bytearray(store.bucket.get(car_key(place.car), 0, size))
        car[place.offset + place.length - 1] ^= 1
        store.bucket.put(car_key(place.car), bytes(car))
