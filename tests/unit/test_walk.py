from __future__ import annotations

import pytest

from cid_store.cid import CID, DAG_CBOR, DAG_PB, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, DecodeError, UnsupportedCodec
from cid_store.store import Store
from cid_store.walk import links_of, walk
from tests.stores import CountingStore


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def node(store: Store, value: object) -> CID:
    return store.put(dag_cbor.encode(value), DAG_CBOR)


def order(store: Store, *roots: CID, limit_depth: int | None = None) -> list[CID]:
    return [block.check().cid for block in walk(store, roots, limit_depth=limit_depth)]


def test_parents_first_and_each_once(store: CountingStore) -> None:
    a, b = store.put(b"a"), store.put(b"b")
    left, right = node(store, [a, b]), node(store, [b, a, a])
    root = node(store, {"l": left, "r": right, "x": left})
    assert order(store, root) == [root, left, a, b, right]
    assert order(store, b, root, root) == [b, root, left, a, right]
    assert order(store) == []


def test_leaves_are_fetched_together_in_order(store: CountingStore) -> None:
    leaves = [store.put(bytes([i])) for i in range(200)]
    root = node(store, [*leaves, *leaves])
    assert order(store, root) == [root, *leaves]


def test_a_missing_block_names_itself_and_its_parent(store: CountingStore) -> None:
    there, gone = store.put(b"there"), CID.make(RAW, b"gone")
    lost = CID.make(DAG_CBOR, b"lost")
    for value, missing in (([there, gone, there], gone), ([lost], lost), ([gone], gone)):
        root = node(store, value)
        with pytest.raises(BlockNotFound, match=f"linked from {root}") as e:
            order(store, root)
        assert e.value.cid == missing
    with pytest.raises(BlockNotFound, match="a root"):
        order(store, gone)


def test_a_dag_far_deeper_than_the_stack(store: CountingStore) -> None:
    cid = store.put(b"bottom")
    for _ in range(100_000):
        cid = node(store, [cid])
    assert sum(1 for _ in walk(store, [cid])) == 100_001


def test_the_depth_limit_is_by_the_shortest_way(store: CountingStore) -> None:
    leaf = node(store, "leaf")
    shared = node(store, [leaf])
    root = node(store, {"a": node(store, [shared]), "b": shared})
    a = dag_cbor.decode(store.get(root))["a"]
    assert order(store, root, limit_depth=0) == [root]
    assert order(store, root, limit_depth=1) == [root, a, shared]
    # `shared` comes first at depth 2, where its links are out of reach, and then at depth 1.
    assert order(store, root, limit_depth=2) == [root, a, shared, leaf]
    assert order(store, root) == [root, a, shared, leaf]


def test_bytes_met_as_a_leaf_are_opened_when_met_as_a_node(store: CountingStore) -> None:
    leaf = store.put(b"leaf")
    inner = node(store, [leaf])
    as_raw = CID.build(RAW, inner.hash_code, inner.digest)
    root = node(store, [as_raw, inner])
    assert order(store, root) == [root, as_raw, leaf]


def test_a_node_is_read_once_however_often_it_is_linked(store: CountingStore) -> None:
    inner = node(store, [store.put(b"leaf")])
    order(store, node(store, [inner] * 50))
    assert store.reads.count(inner) == 1


def test_identity_cids_are_followed_and_never_yielded(store: CountingStore) -> None:
    leaf = store.put(b"leaf")
    inner = CID.make(DAG_CBOR, dag_cbor.encode([leaf]), 0x00)
    outer = CID.make(DAG_CBOR, dag_cbor.encode([inner, CID.make(RAW, b"x", 0x00)]), 0x00)
    root = node(store, [outer, outer])
    assert order(store, root) == [root, leaf]
    assert order(store, outer) == [leaf]
    assert set(store.reads) == {root, leaf}


def test_nothing_is_skipped_silently(store: CountingStore) -> None:
    foreign = CID.build(0x78, 0x12, CID.make(RAW, b"tree").digest)
    store.put(b"tree")
    with pytest.raises(UnsupportedCodec):
        order(store, foreign)
    broken = store.put(b"\xff\xff", DAG_PB)
    with pytest.raises(DecodeError, match=broken) as e:
        order(store, broken)
    assert e.value.cid == broken


def test_links_of_reads_by_the_cid_s_codec() -> None:
    link = CID.make(RAW, b"x")
    data = dag_cbor.encode([link])
    assert list(links_of(CID.make(DAG_CBOR, data), data)) == [link]
    assert list(links_of(CID.make(RAW, data), data)) == []
