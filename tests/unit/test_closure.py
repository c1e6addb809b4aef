"""What belongs to a root when parts of it are missing: a pin keeps the rest, and is not given blindly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, DAG_PB
from cid_store.codecs import dag_cbor, dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.errors import BlockNotFound
from codata.closure import closure, reachable, whole
from codata.collect import collect
from codata.home import Home
from codata.records.run import Run
from tests.command import Commands
from tests.runs import Made
from tests.unit.unixfs_blocks import BlockStore


def _tree(home: Home) -> tuple[CID, list[CID]]:
    """A node over a leaf, a node with a leaf, and a leaf; every CID below the root, in order."""
    leaves = [home.store.put(f"leaf {i}".encode()) for i in range(3)]
    middle = home.store.put(dag_cbor.encode([leaves[1]]), DAG_CBOR)
    root = home.store.put(dag_cbor.encode([leaves[0], middle, leaves[2]]), DAG_CBOR)
    return root, [leaves[0], middle, leaves[1], leaves[2]]


def _let_go_of_writes(home: Home) -> None:
    """What an open store has just put is safe from `gc`; a store opened anew has put nothing."""
    home.store.close()


@pytest.mark.parametrize("lost", range(4))
def test_collecting_keeps_what_is_here_of_a_pin_that_lost_a_block(tmp_path: Path, lost: int) -> None:
    with Home(tmp_path) as home:
        root, below = _tree(home)
        home.keeper.pin(root)
        home.store.delete([below[lost]])
        _let_go_of_writes(home)
    with Home(tmp_path) as home:
        collect(home)
        # The leaf of a lost node is below nothing any more.
        gone = {below[lost]} | ({below[2]} if lost == 1 else set())
        assert {cid for cid in (root, *below) if not home.store.has(cid)} == gone


def test_collecting_gets_past_a_pin_that_is_no_node(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        broken = Block.of(b"no protobuf", DAG_PB)
        stray = home.store.put(b"stray")
        home.store.put_many([broken])
        home.keeper.pin(broken.cid)
        _let_go_of_writes(home)
    with Home(tmp_path) as home:
        collect(home)
        assert home.store.has_many([broken.cid, stray]) == [True, False]


def test_reachable_names_what_is_missing_too(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        root, below = _tree(home)
        home.store.delete([below[2]])
        assert list(reachable(home.store, root)) == [root, *below]


def test_a_pin_is_refused_while_a_leaf_is_missing(tmp_path: Path) -> None:
    codata = Commands(tmp_path)
    with Home(tmp_path) as home:
        root, below = _tree(home)
        assert whole(home.store, root) == 5
        home.store.delete([below[3]])
        with pytest.raises(BlockNotFound) as caught:
            whole(home.store, root)
        assert caught.value.cid == below[3]
    done = codata("pin", root)
    assert (done.code, done.error) == (4, "BlockNotFound")
    assert codata("pins").value["pins"] == []


def test_trust_in_what_is_no_did_is_wrong_usage(tmp_path: Path) -> None:
    done = Commands(tmp_path)("trust", "did:key:zzz")
    assert (done.code, done.error) == (2, "UsageError")


def test_each_node_of_a_deep_folder_is_read_once_for_each_of_two_walks(tmp_path: Path) -> None:
    depth, store = 60, BlockStore()
    leaf = store.put(b"leaf")
    below = leaf
    for _ in range(depth):
        below = store.put(dag_pb.encode(PBNode((PBLink(below, "d", 1),), b"\x08\x01")), DAG_PB)
    assert len(list(closure(store, [below]))) == depth + 1
    assert len(store.reads) == 2 * depth


def test_runs_over_runs_do_not_multiply(made: Made) -> None:
    with made.home() as home:
        nested = made.run
        for _ in range(60):
            nested = replace(Run.load(home.store, made.run), inputs={"a": nested, "b": nested}).save(
                home.store
            )
        assert sum(1 for _ in closure(home.store, [nested])) < 1000
