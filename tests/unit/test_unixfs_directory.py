"""Directories and HAMTs: built, looked up, listed, and refused when they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.cid import CID, DAG_PB
from cid_store.codecs import dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.unixfs import V0_2015, V1_2025, Built, Metadata, Mtime, Profile, ls, stat, stream_file
from cid_store.unixfs import data as message
from cid_store.unixfs.build import discard, emit_node
from cid_store.unixfs.data import MURMUR3_X64_64, Data, Kind
from cid_store.unixfs.directory import build_directory, build_symlink, entries, lookup
from cid_store.unixfs.errors import BadUnixFS, NotADirectory, UnsupportedEntry
from cid_store.unixfs.hamt import Item, build, name_hash
from cid_store.unixfs.node import load
from tests.unit.unixfs_blocks import BlockStore, load_car, tiny

LEAF = stream_file(V1_2025, discard, b"x")
NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
).filter(lambda name: name not in (".", ".."))
SHARDED = tiny(threshold=0)


def _hamt(store: BlockStore, names: list[str], fanout: int = 256) -> CID:
    profile = replace(SHARDED, fanout=fanout)
    return build_directory(profile, store.emit, [(name, LEAF) for name in names]).cid


def test_a_published_hamt_is_read_and_rebuilt() -> None:
    store, root = load_car(
        "helia/packages/car/test/fixtures/bafybeidbclfqleg2uojchspzd4bob56dqetqjsj27gy2cq3klkkgxtpn4i.car"
    )
    node = load(store, root)
    assert node.kind is Kind.HAMT
    found = list(entries(store, node))
    assert sorted(entry.name for entry in found) == sorted(f"{i}.txt" for i in range(1, 1001))
    assert all(lookup(store, node, entry.name) == entry.cid for entry in found)
    assert lookup(store, node, "0.txt") is None
    again = [(entry.name, Built(entry.cid, 0, entry.tsize or 0)) for entry in found]
    assert build_directory(SHARDED, discard, again).cid == root


def test_published_directories_are_rebuilt() -> None:
    rebuilt = 0
    for name in (
        "dir-with-duplicate-files",
        "subdir-with-mixed-block-files",
        "subdir-with-two-single-block-files",
    ):
        store, _ = load_car(f"gateway-conformance/trustless_gateway_car/{name}.car")
        for cid in store.cids():
            if cid.codec == DAG_PB and load(store, cid).kind is Kind.DIRECTORY:
                items = [(e.name, Built(e.cid, 0, e.tsize or 0)) for e in entries(store, load(store, cid))]
                assert build_directory(V1_2025, discard, items).cid == cid
                rebuilt += 1
    assert rebuilt >= 3


def test_a_published_symlink() -> None:
    store, root = load_car("gateway-conformance/path_gateway_unixfs/symlink.car")
    found = {entry.name: entry for entry in ls(store, root)}
    assert found["bar"].kind == "symlink"
    assert stat(store, found["bar"].cid).target == b"foo"
    assert build_symlink(V1_2025, discard, b"foo").cid == found["bar"].cid.to_v1()


def test_published_mode_and_mtime() -> None:
    store, root = load_car("boxo/gateway/testdata/unixfs-dir-with-mode-mtime.car")
    seen = [stat(store, cid) for cid in store.cids()]
    kept = {(found.kind, found.metadata.mode, found.metadata.mtime) for found in seen if found.metadata}
    assert ("directory", 0o755, Mtime(1655158722)) in kept
    assert len(kept) >= 4
    assert stat(store, root).kind == "directory"


@settings(max_examples=60)
@given(st.sets(NAMES, max_size=60), st.sampled_from([8, 16, 256, 1024]))
def test_a_hamt_holds_what_was_put_in(names: set[str], fanout: int) -> None:
    store = BlockStore()
    node = load(store, _hamt(store, sorted(names), fanout))
    visited: list = []
    assert {entry.name for entry in entries(store, node, visited)} == names
    assert len(visited) == len(list(store.cids())) - 1
    assert all(lookup(store, node, name) == LEAF.cid for name in names)
    assert lookup(store, node, "not there") is None


@given(st.sets(NAMES, max_size=30), st.randoms(), st.sampled_from([V0_2015, V1_2025, SHARDED]))
def test_order_of_arrival_does_not_matter(names: set[str], random: object, profile: Profile) -> None:
    ordered = sorted(names)
    shuffled = list(ordered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        build_directory(profile, discard, [(n, LEAF) for n in order]) for order in (ordered, shuffled)
    )
    assert one == other


def test_block_estimate_is_the_exact_length() -> None:
    names = [f"{'long' * (i % 60)}{i}" for i in range(300)]
    big = LEAF._replace(tsize=2**40)
    items = [(name, big if i % 2 else LEAF) for i, name in enumerate(names)]
    for metadata in (Metadata(), Metadata(mode=0o755)):
        store = BlockStore()
        whole = build_directory(replace(V1_2025, threshold=10**9), store.emit, items, metadata)
        size = len(store.get(whole.cid))
        assert build_directory(replace(V1_2025, threshold=size), discard, items, metadata).cid == whole.cid
        smaller = replace(V1_2025, threshold=size - 1)
        assert build_directory(smaller, discard, items, metadata).cid != whole.cid


def test_tsize_and_size_add_up_through_a_hamt() -> None:
    store = BlockStore()
    built = build_directory(SHARDED, store.emit, [(f"n{i}", LEAF) for i in range(500)])
    assert built.size == 500
    # The leaf is not in the store, and is counted each time that it is linked.
    assert built.tsize >= sum(len(store.get(cid)) for cid in store.cids()) + 500


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\udcff"])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedEntry):
        build_directory(V1_2025, discard, [(name, LEAF)])


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(UnsupportedEntry, match="'a'"):
        build_directory(V1_2025, discard, [("a", LEAF), ("b", LEAF), ("a", LEAF)])
    store = BlockStore()
    other = store.put(b"y")
    links = [PBLink(LEAF.cid, "a", 1), PBLink(other, "a", 1)]
    node = load(store, store.node(Data(Kind.DIRECTORY), links))
    assert lookup(store, node, "a") == LEAF.cid
    with pytest.raises(BadUnixFS, match="'a'"):
        list(entries(store, node))


def test_colliding_hashes_end_with_an_error() -> None:
    items = [Item(name_hash(b"one"), "one", LEAF), Item(name_hash(b"one"), "two", LEAF)]
    with pytest.raises(UnsupportedEntry, match="one hash"):
        build(SHARDED, discard, items, 2)


def test_files_have_no_entries() -> None:
    store = BlockStore()
    with pytest.raises(NotADirectory):
        list(ls(store, store.put(b"x")))


def _shard(store: BlockStore, links: list[PBLink], **changes: object) -> CID:
    """A HAMT node whose bitfield fits its links, with any part replaced."""
    field = 0
    for link in links:
        field |= 1 << int((link.name or "0")[:2], 16)
    data = Data(
        Kind.HAMT, field.to_bytes((field.bit_length() + 7) // 8, "big"), hash_type=MURMUR3_X64_64, fanout=256
    )
    return store.node(replace(data, **changes), links)  # type: ignore[arg-type]


def _prefix(name: str, level: int = 0) -> str:
    return f"{name_hash(name.encode()) >> (56 - 8 * level) & 255:02X}"


def test_a_right_shard_passes() -> None:
    store = BlockStore()
    root = _shard(store, [PBLink(LEAF.cid, _prefix("a") + "a", 1)])
    assert [entry.name for entry in ls(store, root)] == ["a"]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b""},
        {"data": b"\xff" * 33},
        {"hash_type": 0x12},
        {"hash_type": None},
        {"fanout": None},
        {"fanout": 0},
        {"fanout": 4},
        {"fanout": 24},
        {"fanout": 2048},
        {"fanout": 2**62},
    ],
)
def test_shards_that_lie_are_refused(changes: dict[str, object]) -> None:
    store = BlockStore()
    node = load(store, _shard(store, [PBLink(LEAF.cid, _prefix("a") + "a", 1)], **changes))
    with pytest.raises(BadUnixFS, match=node.cid):
        list(entries(store, node))
    with pytest.raises(BadUnixFS, match=node.cid):
        lookup(store, node, "a")


@pytest.mark.parametrize("name", ["", "0", "zz", "aaa", "+1a", " 1a", "0xa", "FFa"])
def test_link_names_that_lie_are_refused(name: str) -> None:
    store = BlockStore()
    link = PBLink(LEAF.cid, name, 1)
    data = Data(Kind.HAMT, b"\x01", hash_type=MURMUR3_X64_64, fanout=256)
    node = load(store, store.node(data, [link]))
    with pytest.raises(BadUnixFS):
        list(entries(store, node))


def test_an_entry_in_a_wrong_bucket_is_refused() -> None:
    store = BlockStore()
    wrong = "00" if _prefix("a") != "00" else "01"
    with pytest.raises(BadUnixFS, match="bucket"):
        list(ls(store, _shard(store, [PBLink(LEAF.cid, wrong + "a", 1)])))


def test_one_bucket_twice_is_refused() -> None:
    store = BlockStore()
    prefix = _prefix("a")
    links = [PBLink(LEAF.cid, prefix + "a", 1), PBLink(LEAF.cid, prefix + "b", 1)]
    with pytest.raises(BadUnixFS):
        list(ls(store, _shard(store, links)))


def test_a_deeper_node_that_is_none_of_the_hamt_is_refused() -> None:
    store = BlockStore()
    name = _prefix("a")
    right = _shard(store, [PBLink(LEAF.cid, _prefix("a", 1) + "a", 1)])
    assert [entry.name for entry in ls(store, _shard(store, [PBLink(right, name, 1)]))] == ["a"]
    other_fanout = _hamt(store, ["a", "b"], fanout=16)
    for bad in (store.put(b"x"), store.node(Data(Kind.DIRECTORY)), other_fanout, _shard(store, [])):
        with pytest.raises(BadUnixFS, match=bad):
            list(ls(store, _shard(store, [PBLink(bad, name, 1)])))


def test_a_hamt_that_repeats_itself_stops_at_once() -> None:
    store = BlockStore()
    node = _shard(store, [PBLink(LEAF.cid, _prefix("a", 7) + "a", 1)])
    for _ in range(7):
        node = _shard(store, [PBLink(node, f"{i:02X}", 1) for i in range(256)])
    store.reads.clear()
    with pytest.raises(BadUnixFS):
        list(ls(store, node))
    assert len(store.reads) < 20


def test_a_hamt_deeper_than_its_hash_is_refused() -> None:
    store = BlockStore()
    node = _shard(store, [PBLink(LEAF.cid, "00a", 1)])
    for level in reversed(range(9)):
        node = _shard(store, [PBLink(node, _prefix("a", level % 8), 1)])
    with pytest.raises(BadUnixFS):
        list(ls(store, node))
    with pytest.raises(BadUnixFS):
        lookup(store, load(store, node), "a")


def test_listing_says_what_each_entry_is() -> None:
    store = BlockStore()
    long = stream_file(tiny(), store.emit, b"0123456789abc")
    link = build_symlink(V1_2025, store.emit, b"long")
    empty = build_directory(V1_2025, store.emit, [])
    cbor = Built(store.put(b"\xa0", 0x71), 0, 1)
    items = [("link", link), ("long", long), ("empty", empty), ("raw", LEAF), ("value", cbor)]
    root = build_directory(V1_2025, store.emit, items).cid
    assert [(e.name, e.kind, e.size) for e in ls(store, root)] == [
        ("empty", "directory", 0),
        ("link", "symlink", 0),
        ("long", "file", 13),
        ("raw", "file", 1),
        ("value", "other", 0),
    ]


def test_unsorted_directories_are_read_in_their_order() -> None:
    store = BlockStore()
    body = message.encode(Data(Kind.DIRECTORY))
    ordered = dag_pb.encode(PBNode((PBLink(LEAF.cid, "a", 1), PBLink(LEAF.cid, "b", 1)), body))
    root = store.put(ordered.replace(b"\x12\x01a", b"\x12\x01c"), DAG_PB)
    assert [entry.name for entry in ls(store, root)] == ["c", "b"]


def test_nodes_above_nothing_have_no_size() -> None:
    built = emit_node(V1_2025, discard, PBNode((), b""), 0)
    assert (built.size, built.tsize) == (0, 2)
