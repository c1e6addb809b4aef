from __future__ import annotations

from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, StoreError, UsageError
from cid_store.pins import GcReport
from cid_store.store import Store
from cid_store.stores import open_store
from cid_store.stores.local import LocalStore
from cid_store.stores.memory import MemoryStore
from cid_store.stores.overlay import OverlayStore
from cid_store.stores.tiered import DEFAULT_LIMIT, TieredStore, tiered_url
from cid_store.testing import StoreContract, numbered, sample
from tests.stores import CountingStore, spoil

KIB = 1024


class TestTieredStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return TieredStore(MemoryStore(), MemoryStore(), limit=3 << 20)

    def corrupt(self, store: Store, cid: CID) -> None:
        assert isinstance(store, TieredStore)
        spoil(store.back, cid)
        if store.front.has(cid):
            spoil(store.front, cid)


def filled(count: int, size: int = KIB) -> tuple[CountingStore, list[CID]]:
    back = CountingStore()
    return back, [back.put(sample(size, str(i))) for i in range(count)]


def held(store: Store) -> int:
    return sum(len(store.get(cid)) for cid in store.cids())


def test_a_block_comes_from_behind_once() -> None:
    back, cids = filled(10)
    with TieredStore(MemoryStore(), back) as store:
        for _ in range(2):
            assert [bytes(b.data) for b in store.get_many(cids)] == [sample(KIB, str(i)) for i in range(10)]
            assert bytes(store.get(cids[3])) == sample(KIB, "3")
        assert sorted(back.reads) == sorted(cids)


def test_what_came_before_a_reader_stopped_is_kept() -> None:
    front = MemoryStore()
    back, cids = filled(50)
    blocks = TieredStore(front, back).get_many(cids)
    read = [next(blocks).cid for _ in range(20)]
    blocks.close()
    assert all(front.has_many(read))


def test_a_block_is_stored_when_the_back_has_it() -> None:
    front, back = MemoryStore(), MemoryStore()
    cid = TieredStore(front, back).put(b"both")
    assert front.has(cid)
    assert back.has(cid)


def test_a_full_front_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    back, cids = filled(1)
    front = MemoryStore()

    def full(blocks: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(front, "_write", full)
    store = TieredStore(front, back)
    assert bytes(store.get(cids[0])) == sample(KIB, "0")
    assert store.has(store.put(b"new"))


def test_a_front_gone_bad_is_mended_from_behind() -> None:
    front = MemoryStore()
    back, cids = filled(1)
    store = TieredStore(front, back)
    store.get(cids[0])
    spoil(front, cids[0])
    assert bytes(store.get(cids[0])) == sample(KIB, "0")
    assert bytes(front.get(cids[0])) == sample(KIB, "0")


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_the_front_stays_small_and_keeps_what_was_used(kind: str, tmp_path: Path) -> None:
    front = MemoryStore() if kind == "memory" else LocalStore(tmp_path / "front")
    back, cids = filled(100)
    with TieredStore(front, back, limit=20 * KIB) as store:
        store.get(cids[0])
        for cid in cids:
            store.get(cid)
            store.get(cids[0])
            assert held(front) <= 21 * KIB
        assert front.has_many([cids[0], cids[99], cids[1]]) == [True, True, False]
        assert back.reads.count(cids[0]) == 1
        assert sorted(store.cids()) == sorted(cids)


def test_a_front_found_full_is_emptied(tmp_path: Path) -> None:
    back, cids = filled(100)
    with LocalStore(tmp_path / "front") as front:
        front.put_many(Block(cid, back.get(cid)) for cid in cids)
    with TieredStore(LocalStore(tmp_path / "front"), back, limit=20 * KIB) as store:
        new = store.put(sample(KIB, "new"))
        assert store.front.has(new)
        assert held(store.front) <= 20 * KIB


def test_pins_are_never_evicted() -> None:
    front = MemoryStore()
    back, cids = filled(50)
    node = back.put(dag_cbor.encode([*cids[:5], CID.make(RAW, b"nowhere")]), DAG_CBOR)
    store = TieredStore(front, back, limit=10 * KIB)
    store.pin(node)
    store.pin(cids[5], "direct")
    for cid in [node, *cids]:
        store.get(cid)
    assert all(front.has_many([node, *cids[:6]]))
    assert held(front) <= 11 * KIB
    assert [pin.cid for pin in store.pins()] == sorted([node, cids[5]])
    assert store.unpin(node)
    for cid in cids[6:]:
        store.get(cid)
    assert front.has_many(cids[:6]) == [False] * 5 + [True]


def test_pins_beyond_the_limit_stay() -> None:
    front = MemoryStore()
    back, cids = filled(50)
    store = TieredStore(front, back, limit=10 * KIB)
    for cid in cids[:20]:
        store.pin(cid)
    for cid in cids:
        store.get(cid)
    assert all(front.has_many(cids[:20]))
    assert held(front) <= 22 * KIB


def test_gc_empties_the_front_alone() -> None:
    front = MemoryStore()
    back, cids = filled(10)
    store = TieredStore(front, back)
    list(store.get_many(cids))
    assert store.gc(cids[:4], dry_run=True) == GcReport(6, 6 * KIB)
    assert store.gc(cids[:4]) == GcReport(6, 6 * KIB)
    assert sorted(front.cids()) == sorted(cids[:4])
    assert all(store.has_many(cids))


def test_urls(tmp_path: Path) -> None:
    url = tiered_url(front=str(tmp_path / "front"), back="memory:", limit="5MiB")
    with open_store(url) as store:
        assert isinstance(store, TieredStore)
        assert isinstance(store.front, LocalStore)
        assert store.limit == 5 << 20
    with open_store("tiered:?front=memory:&back=memory:") as store:
        assert isinstance(store, TieredStore)
        assert store.limit == DEFAULT_LIMIT


@pytest.mark.parametrize(
    "url",
    [
        "tiered:",
        "tiered:?front=memory:",
        "tiered:?front=memory:&back=memory:&limit=much",
        "tiered:?front=memory:&back=memory:&limit=0",
        "tiered:?front=memory:&back=memory:&size=1",
        "tiered:?front=https://gateway.example/&back=memory:",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert caught.value.next_step


def test_a_front_that_can_not_forget_is_refused() -> None:
    with pytest.raises(UsageError):
        TieredStore(OverlayStore(MemoryStore(), MemoryStore()), MemoryStore())


def test_an_absent_block_is_absent_in_both() -> None:
    store = TieredStore(MemoryStore(), MemoryStore())
    with pytest.raises(BlockNotFound):
        list(store.get_many([numbered(1)[0].cid]))
