"""What places a cluster's tasks, and what moves their inputs, without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, DAG_PB, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import CorruptBlock
from cid_store.stores.memory import MemoryStore
from cid_store.testing import sample
from cid_store.walk import walk
from codata.execute.cluster import shelf
from codata.execute.cluster.whereabouts import Whereabouts, best
from codata.execute.needs import Need, names_of
from codata.records import pages
from codata.records.task import Task

A, B, C = "tcp://a:1", "tcp://b:1", "tcp://c:1"
X, Y, Z = (CID.make(RAW, name) for name in (b"x", b"y", b"z"))
MIB = 1 << 20


def need(*inputs: CID) -> Need:
    task = Task("op", 1, {}, {}, {"data": inputs})
    return Need(task.cid, task, inputs, (task.cid,), False)


def known(**holders: str) -> Whereabouts:
    """Who holds x, y and z, each of 100 bytes."""
    where = Whereabouts()
    for name, cid in (("x", X), ("y", Y), ("z", Z)):
        where.measure(cid, 100)
        for address in holders.get(name, ""):
            where.add(cid, {"a": A, "b": B, "c": C}[address])
    return where


def chosen(where: Whereabouts, *needs: Need) -> list[Sequence[str]]:
    found = best(needs, where, {A: 1, B: 1, C: 1})
    return [found[n.cid] for n in needs]


def test_all_who_hold_everything_may_run_a_task() -> None:
    assert chosen(known(x="ab", y="c"), need(X), need(Y)) == [[A, B], [C]]


def test_else_it_goes_to_who_lacks_least() -> None:
    assert chosen(known(x="a", y="b", z="b"), need(X, Y, Z)) == [[B]]


def test_what_nobody_holds_goes_to_one_place_each_and_not_all_to_the_same() -> None:
    found = chosen(known(), need(X), need(Y), need(Z))
    assert sorted(found) == [[A], [B], [C]]


def test_everything_is_asked_again_once_somebody_is_new() -> None:
    where = Whereabouts()
    where.keep([A])
    where.learn([X, Y], {A: [100, shelf.NOT_HELD]})
    assert (where.holders(X), where.holders(Y), where.size(X)) == ([A], [], 100)
    assert where.unknown([X, Y, Z, Z]) == [Z]
    where.keep([A, B])
    assert where.unknown([X, Y]) == [X, Y]
    where.learn([X], {A: [100], B: [100]})
    where.keep([B])
    assert where.holders(X) == [B]


class _Worker:
    """Answers as a worker with this store would; notes what was asked."""

    def __init__(self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shelf, "shelf", lambda url: store)
        self.asked: list[str] = []

    def __call__(self, answer: str, **asked: Any) -> Any:
        self.asked.append(answer)
        return getattr(shelf, answer)(**asked)


def test_only_what_is_missing_is_pulled_and_all_of_it_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = MemoryStore(), MemoryStore()
    root = there.put_file(sample(20 * MIB))
    worker = _Worker(there, monkeypatch)
    blocks = list(walk(there, [root]))
    half = [block for block in blocks if block.cid.codec == RAW][:10]
    here.put_many(half)
    expected = sum(len(b.data) for b in blocks) - sum(len(b.data) for b in half)
    assert shelf.pull(worker, "", root, here) == expected
    assert bytes(here.open_file(root).view()) == sample(20 * MIB)
    assert worker.asked == ["codata_blocks", "codata_get", "codata_get"]
    assert shelf.pull(worker, "", root, here) == 0


def test_false_bytes_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = MemoryStore(), MemoryStore()
    cid = there.put(b"true")
    worker = _Worker(there, monkeypatch)
    monkeypatch.setattr(shelf, "codata_get", lambda url, cids: [b"false"])
    with pytest.raises(CorruptBlock):
        shelf.pull(worker, "", cid, here)
    assert not here.has(cid)


def test_what_is_pushed_is_held_and_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    there = MemoryStore()
    worker = _Worker(there, monkeypatch)
    blocks = [Block.of(b"%d" % n, RAW) for n in range(20)]
    assert shelf.push(worker, "", blocks) == sum(len(block.data) for block in blocks)
    asked = [str(blocks[0].cid), str(X)]
    assert worker("codata_sizes", url="", cids=asked) == [1, shelf.NOT_HELD]


def test_names_of_blocks_come_without_reading_leaves() -> None:
    store = MemoryStore()
    root = store.put_file(sample(5 * MIB))
    names = names_of(store, root)
    assert names[-1] == root
    assert set(names) == {block.cid for block in walk(store, [root])}
    store.delete(name for name in names if name.codec == RAW)
    assert names_of(store, root) == names
    assert {name.codec for name in names} == {RAW, DAG_PB}
    listed = pages.put(store, (dag_cbor.encode(n) for n in range(10)))
    assert names_of(store, listed)[-1] == listed
    assert names_of(store, node := store.put(dag_cbor.encode([root]), DAG_CBOR)) == [node]
