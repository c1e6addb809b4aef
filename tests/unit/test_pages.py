"""Long lists as pages: what they hold, how little an edit changes, and lists that lie."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest

from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.stores.memory import MemoryStore
from codata.errors import BadRecord
from codata.records import pages


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 3000, 20_000])
def test_a_list_comes_back(store: MemoryStore, count: int) -> None:
    root = pages.put(store, range(count))
    assert list(pages.items(store, root)) == list(range(count))
    assert pages.count(store, root) == count
    assert all(len(store.get(cid)) < 1024 * 1024 for cid in pages.cids(store, root))


def test_golden_lists(store: MemoryStore) -> None:
    """docs/spec/pages.md repeats these."""
    assert pages.put(store, []) == "bafyreiexq62kwitevgsrrq6hk4bzioy6bh2wde5e2sukhzpqec5iiyjx4u"
    assert pages.put(store, ["a", "b", "c"]) == "bafyreicv3secq6cm4klvw55ym6fbrosioch24cro43wlxiuyze7kcut77i"
    assert pages.put(store, range(10_000)) == "bafyreicrk3dverouxlwi3daenhqbzrrq3y6u7o7jxwfdg2sgo2anczhaae"


def test_any_place_is_found_in_few_pages(store: MemoryStore) -> None:
    root = pages.put(store, range(20_000))
    read: list[CID] = []
    honest = store._read
    store._read = lambda cid: read.append(cid) or honest(cid)  # type: ignore[func-returns-value,method-assign,assignment]
    assert pages.at(store, root, 13_579) == 13_579
    assert len(read) <= 4
    assert list(islice(pages.items(store, root, 19_990), 5)) == list(range(19_990, 19_995))
    with pytest.raises(IndexError):
        pages.at(store, root, 20_000)


def test_an_edit_changes_one_path(store: MemoryStore) -> None:
    items = list(range(20_000))
    before = set(pages.cids(store, pages.put(store, items)))
    after = set(pages.cids(store, pages.put(store, [*items[:9000], -1, *items[9000:]])))
    assert len(before) > 50
    assert len(after - before) <= 6


def test_the_first_difference_is_found_without_reading_what_is_equal(store: MemoryStore) -> None:
    items = list(range(20_000))
    a = pages.put(store, items)
    b = pages.put(store, [*items[:15_000], -1, *items[15_001:]])
    read: list[CID] = []
    honest = store._read
    store._read = lambda cid: read.append(cid) or honest(cid)  # type: ignore[func-returns-value,method-assign,assignment]
    assert pages.first_difference(store, a, b) == 15_000
    assert len(read) <= 8


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda x: x, None),
        (lambda x: [-1, *x], 0),
        (lambda x: x[:-1], 2999),
        (lambda x: [*x, 7], 3000),
        (lambda x: x[:700], 700),
        (lambda x: [*x[:1234], *x[1235:]], 1234),
        (lambda x: [], 0),
    ],
)
def test_first_differences(
    store: MemoryStore, change: Callable[[list[int]], list[int]], first: int | None
) -> None:
    items = list(range(3000))
    a, b = pages.put(store, items), pages.put(store, change(items))
    assert pages.first_difference(store, a, b) == pages.first_difference(store, b, a) == first


def test_an_item_that_is_too_large_is_refused(store: MemoryStore) -> None:
    with pytest.raises(BadRecord, match="over the limit"):
        pages.put(store, ["x" * (pages.MAX_ITEM + 1)])


def page(store: MemoryStore, **fields: object) -> CID:
    return store.put(dag_cbor.encode({"codata": "page/1", **fields}), DAG_CBOR)


def bomb(store: MemoryStore, levels: int, width: int) -> CID:
    cid, count = page(store, count=1, items=[0]), 1
    for _ in range(levels):
        entries = [{"count": count, "page": cid}] * width
        count *= width
        cid = page(store, count=count, pages=entries)
    return cid


def test_few_pages_that_count_to_any_number_are_refused(store: MemoryStore) -> None:
    with pytest.raises(BadRecord, match="the limit is"):
        list(pages.items(store, bomb(store, 3, 300)))


def test_lists_that_are_nested_too_deeply_are_refused(store: MemoryStore) -> None:
    deep = bomb(store, 40, 1)
    for read in (pages.items, pages.cids):
        with pytest.raises(BadRecord, match="deeper"):
            list(read(store, deep))
    with pytest.raises(BadRecord, match="deeper"):
        pages.first_difference(
            store, deep, page(store, count=1, pages=[{"count": 1, "page": bomb(store, 41, 1)}])
        )


def test_pages_that_do_not_add_up_are_refused(store: MemoryStore) -> None:
    leaf = page(store, count=2, items=[1, 2])
    empty = page(store, count=0, items=[])
    false = [
        page(store, count=3, items=[1, 2]),
        page(store, count=3, pages=[{"count": 3, "page": leaf}]),
        page(store, count=3, pages=[{"count": 2, "page": leaf}]),
        page(store, count=0, pages=[]),
        page(store, count=2, pages=[{"count": 2, "page": leaf}, {"count": 0, "page": empty}]),
        page(store, count=2, items=[1, 2], pages=[]),
        page(store, count=-1, items=[]),
        page(store, count=True, items=[1]),
        page(store, items=[]),
        store.put(dag_cbor.encode([1]), DAG_CBOR),
        store.put(dag_cbor.encode({"codata": "page/2", "count": 0, "items": []}), DAG_CBOR),
    ]
    for cid in false:
        with pytest.raises(BadRecord):
            list(pages.items(store, cid))
        with pytest.raises(BadRecord):
            list(pages.cids(store, cid))
