"""Paths from a root to what they name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, InvalidCID, LimitExceeded, UsageError
from cid_store.unixfs import V1_2025, Profile, resolve, stream_file
from cid_store.unixfs.directory import build_directory
from cid_store.unixfs.errors import NotADirectory, PathNotFound
from cid_store.unixfs.paths import follow, parse
from tests.unit.unixfs_blocks import BlockStore, load_car, tiny

ROOT = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def _nested(store: BlockStore, profile: Profile) -> CID:
    leaf = stream_file(profile, store.emit, b"deep")
    inner = build_directory(profile, store.emit, [("b.txt", leaf)] + [(f"f{i}", leaf) for i in range(300)])
    return build_directory(profile, store.emit, [("a", inner), ("percent%20sign", leaf)]).cid


@pytest.mark.parametrize("profile", [V1_2025, tiny(threshold=0)])
def test_paths_lead_through_directories_and_hamts(profile: Profile) -> None:
    store = BlockStore()
    root = _nested(store, profile)
    leaf = CID.make(0x55, b"deep")
    for path in (
        f"{root}/a/b.txt",
        f"/ipfs/{root}/a/b.txt",
        f"ipfs://{root}/a/b.txt",
        f"{root}//a/./x/../b.txt/",
    ):
        assert resolve(store, path) == leaf
    assert resolve(store, root) == resolve(store, f"/ipfs/{root}/") == root
    assert resolve(store, f"{root}/percent%20sign") == leaf


def test_the_blocks_on_the_way_are_told() -> None:
    store = BlockStore()
    root = _nested(store, tiny(threshold=0))
    visited: list[Block] = []
    store.reads.clear()
    follow(store, root, ("a", "f7"), visited)
    assert [block.cid for block in visited] == store.reads
    assert visited[0].cid == root
    assert len(visited) >= 3


def test_a_missing_name_is_told_with_its_place() -> None:
    store = BlockStore()
    root = _nested(store, V1_2025)
    with pytest.raises(PathNotFound, match=f"'nope' in {root}/a"):
        resolve(store, f"{root}/a/nope")
    with pytest.raises(NotADirectory, match=r"b\.txt is a file"):
        resolve(store, f"{root}/a/b.txt/c")
    with pytest.raises(BlockNotFound):
        resolve(store, f"{ROOT}/a")


@pytest.mark.parametrize("path", [f"{ROOT}/..", f"{ROOT}/a/../..", f"/ipfs/{ROOT}/./../{ROOT}"])
def test_no_path_leaves_its_root(path: str) -> None:
    with pytest.raises(UsageError, match="leaves its root"):
        parse(path)


@pytest.mark.parametrize(
    "path", ["", "/", "/ipfs/", "/ipfs//a", "ipfs://", "a/b", f"/{ROOT}", f"/ipns/{ROOT}"]
)
def test_a_path_begins_with_a_cid(path: str) -> None:
    with pytest.raises(InvalidCID):
        parse(path)


def test_endless_paths_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        parse(ROOT + "/a" * 40_000)


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused_by_name(text: str) -> None:
    for path in (text, f"{ROOT}/{text}"):
        try:
            parsed = parse(path)
        except CidStoreError:
            continue
        assert not {"", ".", ".."} & set(parsed.names)


def test_a_published_percent_encoded_name_is_taken_as_it_is() -> None:
    store, root = load_car("gateway-conformance/path_gateway_unixfs/dir-with-percent-encoded-filename.car")
    name = "Portugal%2C+España=Peninsula Ibérica.txt"
    assert store.has(resolve(store, f"/ipfs/{root}/{name}"))
