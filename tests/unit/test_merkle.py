"""Tree hashes and audit paths, against the published tree of Certificate Transparency."""

from __future__ import annotations

import pytest

from codata import merkle

# The leaves and roots of the reference tests of RFC 6962.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("count", ROOTS)
def test_published_roots(count: int) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:count]]
    assert merkle.tree(leaves)[0].hex() == ROOTS[count]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 33, 256])
def test_every_path_leads_to_the_root_from_its_place_alone(count: int) -> None:
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(count)]
    root, paths = merkle.tree(leaves)
    for i, (leaf, path) in enumerate(zip(leaves, paths, strict=True)):
        assert merkle.root_from(leaf, i, count, path) == root
        assert merkle.root_from(leaf, (i + 1) % count, count, path) != root or count == 1
        assert merkle.root_from(leaf, i, count, (*path, root)) is None
        if path:
            assert merkle.root_from(leaf, i, count, path[:-1]) is None
            assert merkle.root_from(leaf, i, count, (path[0][::-1], *path[1:])) != root


def test_places_that_are_none() -> None:
    leaf = merkle.leaf_hash(b"")
    assert merkle.root_from(leaf, 0, 0, ()) is None
    assert merkle.root_from(leaf, 1, 1, ()) is None
    assert merkle.root_from(leaf, -1, 1, ()) is None
    assert merkle.root_from(leaf, 2**62, 2**63, [leaf] * 63) is not None
    assert merkle.root_from(leaf, 2**62, 2**63, [leaf] * 62) is None


def test_a_node_is_no_leaf() -> None:
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(4)]
    root, _ = merkle.tree(leaves)
    inner = merkle.tree(leaves[:2])[0] + merkle.tree(leaves[2:])[0]
    assert merkle.leaf_hash(inner) != root
