"""Published CIDs: what other implementations make of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from cid_store.codecs.dag_pb import PBLink
from cid_store.unixfs import PROFILES, V0_2015, V1_2025, Built, Metadata, Mtime, open_file
from cid_store.unixfs import data as message
from cid_store.unixfs.build import discard, leaf, small_file, stream_file
from cid_store.unixfs.data import NO_METADATA, Data, Kind
from cid_store.unixfs.directory import build_directory, build_symlink
from tests.fixtures import shared
from tests.unit.unixfs_blocks import BlockStore, keystream

BIG = 256 * 1024 * 1024


def _vectors(name: str) -> Any:
    return json.loads(shared(f"vectors/{name}").read_text())


def _content(case: dict[str, Any]) -> bytes:
    return case["content"].encode() if "content" in case else keystream(case["seed"], case["size"])


def test_files_of_both_profiles() -> None:
    cases = [c for c in _vectors("ipip-0499.json")["files"] if c.get("size", 0) < BIG]
    assert len(cases) >= 6
    for case in cases:
        built = stream_file(PROFILES[case["profile"]], discard, _content(case))
        assert built.cid == case["cid"], case
        assert built.size == case.get("size", len(case.get("content", "")))


@pytest.mark.slow
def test_large_files() -> None:
    cases = [c for c in _vectors("ipip-0499.json")["files"] if c.get("size", 0) >= BIG]
    assert cases
    for case in cases:
        assert stream_file(PROFILES[case["profile"]], discard, _content(case)).cid == case["cid"]


def _names(case: dict[str, Any], alphabet: str) -> list[str]:
    lengths = [case["name_len"]] * (case["files"] - 1) + [case["last_name_len"]]
    stream = iter(keystream(case["seed"], sum(lengths)))
    return ["".join(alphabet[byte % 39] for byte in islice(stream, size)) for size in lengths]


def test_directories_at_the_threshold() -> None:
    vectors = _vectors("ipip-0499.json")
    for case in vectors["directories"]:
        profile = PROFILES[case["profile"]]
        child = stream_file(profile, discard, b"x")
        entries = [(name, child) for name in _names(case, vectors["ALPHABET"])]
        store = BlockStore()
        built = build_directory(profile, store.emit, entries)
        assert built.cid == case["cid"]
        assert len(list(store.cids())) == 1
        # One byte more, and it is a HAMT.
        store = BlockStore()
        build_directory(profile, store.emit, [*entries[:-1], (entries[-1][0] + "z", child)])
        assert len(list(store.cids())) > 1


@pytest.mark.parametrize("count", [1343, 1344])
def test_long_names_flip_to_a_hamt(count: int) -> None:
    case = _vectors("unixfs-extra.json")["hamt_long_names"]
    profile = replace(V1_2025, estimate="links")
    texts = [case["name_and_content"].replace("{i}", str(i)) for i in range(count)]
    entries = [(text, stream_file(profile, discard, text.encode())) for text in texts]
    built = build_directory(profile, discard, entries)
    assert (built.cid, built.tsize) == (case[str(count)]["cid"], case[str(count)]["tsize"])


def test_well_known_empties_and_symlink() -> None:
    known = _vectors("unixfs-extra.json")["well_known"]
    assert build_directory(V0_2015, discard, []).cid == known["empty_dir_v0"]
    assert build_directory(V1_2025, discard, []).cid == known["empty_dir_v1"]
    assert stream_file(V0_2015, discard, b"").cid == known["empty_file_v0"]
    assert stream_file(V1_2025, discard, b"").cid == known["empty_raw"]
    assert stream_file(replace(V1_2025, raw_leaves=False), discard, b"").cid == known["empty_file_v1_dagpb"]
    assert build_symlink(V0_2015, discard, b"foo").cid == known["symlink_to_foo_v0"]


def test_dag_pb_leaves_under_cid_v1() -> None:
    expected = _vectors("unixfs-extra.json")["hello_world_v1_no_raw_leaves"]["cid"]
    assert stream_file(replace(V1_2025, raw_leaves=False), discard, b"hello world").cid == expected


METADATA = {
    "none": NO_METADATA,
    "mode 0640": Metadata(0o640),
    "mode 0764": Metadata(0o764),
    "mtime 1604320482": Metadata(mtime=Mtime(1604320482)),
    "mtime 1603539720": Metadata(mtime=Mtime(1603539720)),
    "mtime 1603539720 ns 54321": Metadata(mtime=Mtime(1603539720, 54321)),
    "mtime 1603539720.54321ns": Metadata(mtime=Mtime(1603539720, 54321)),
    "mode 0640 + mtime 1604320482": Metadata(0o640, Mtime(1604320482)),
    "mode 0764 mtime 1603539720 ns 54321": Metadata(0o764, Mtime(1603539720, 54321)),
}


def test_mode_and_mtime_of_a_file() -> None:
    cases = _vectors("unixfs-extra.json")["metadata_empty_file_v0"]
    for name, expected in cases.items():
        if name != "verified":
            assert small_file(V0_2015, discard, b"", METADATA[name]).cid == expected, name


def test_mtime_of_a_symlink() -> None:
    cases = _vectors("unixfs-extra.json")["metadata_symlink_to_nothing_v0"]
    for name, expected in cases.items():
        if name != "verified":
            assert build_symlink(V0_2015, discard, b"nothing", METADATA[name]).cid == expected, name


def test_balanced_zeros() -> None:
    expected = _vectors("unixfs-extra.json")["balanced_zeros"]["cid"]
    assert stream_file(V0_2015, discard, bytes(45_900_000)).cid == expected


def _trickle(store: BlockStore, leaves: Iterator[Built], depth: int) -> Built:
    """A trickle subtree: 174 leaves, then four subtrees of each smaller depth."""
    children = list(islice(leaves, 174))
    for below in range(1, depth):
        for _ in range(4):
            child = _trickle(store, leaves, below)
            if child.size:
                children.append(child)
    if not children:
        return Built(store.node(Data(Kind.FILE, filesize=0)).to_v0(), 0, 0)
    sizes = tuple(child.size for child in children)
    body = Data(Kind.FILE, filesize=sum(sizes), blocksizes=sizes)
    cid = store.node(body, [PBLink(child.cid, "", child.tsize) for child in children]).to_v0()
    block = store.get(cid)
    return Built(cid, sum(sizes), len(block) + sum(child.tsize for child in children))


@pytest.mark.parametrize("index", [0, 1])
def test_trickle_layout_is_read(index: int) -> None:
    case = _vectors("unixfs-extra.json")["trickle"][index]
    content = keystream(case["seed"], case["size"]) if "seed" in case else bytes(45_900_000)
    store = BlockStore()

    def leaves() -> Iterator[Built]:
        for at in range(0, len(content), V0_2015.chunk):
            piece = content[at : at + V0_2015.chunk]
            cid = store.node(Data(Kind.RAW, piece, filesize=len(piece))).to_v0()
            yield Built(cid, len(piece), leaf(V0_2015, cid.digest, len(piece)).tsize)

    root = _trickle(store, leaves(), 3).cid
    assert root == case["cid"]
    reader = open_file(store, root)
    assert reader.size == len(content)
    for at in (0, 174 * V0_2015.chunk - 7, len(content) - 100):
        assert reader.read(at, 5000) == content[at : at + 5000]
    assert reader.view() == content


def test_published_messages_round_trip() -> None:
    folder = "js-ipfs-unixfs/packages/ipfs-unixfs/test/fixtures"
    text = shared(f"{folder}/file.txt").read_bytes()
    expected = {
        "directory": Data(Kind.DIRECTORY),
        "file.txt": Data(Kind.FILE, text, filesize=len(text)),
        "raw": Data(Kind.FILE, text, filesize=len(text)),
        "symlink.txt": Data(Kind.SYMLINK, b"file.txt"),
    }
    for name, value in expected.items():
        data = shared(f"{folder}/{name}.unixfs").read_bytes()
        assert message.decode(data) == value
        assert message.encode(value) == data
