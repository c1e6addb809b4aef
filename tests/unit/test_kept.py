"""What a home keeps for others, and what `gc` makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from codata.collect import collect
from codata.home import Home
from codata.kept import ROW

A, B = CID.make(RAW, b"a"), CID.make(RAW, b"b")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path) as opened:
        yield opened


def test_one_owner_frees_nothing_of_another(home: Home) -> None:
    for owner in ("one", "two"):
        home.kept.keep(owner, [(A, 3), (B, 4)])
    assert home.kept.release("one", [A, A]) == 1
    assert [cid for cid, _ in home.kept.roots()] == sorted([A, B])
    assert (home.kept.total("one"), home.kept.total("two")) == (4, 7)
    assert home.kept.release("two") == 2
    assert list(home.kept.roots()) == [(B, "direct")]


def test_what_is_kept_twice_is_kept_longer_and_deeper(home: Home) -> None:
    home.kept.keep("one", [(A, 3)], kind="recursive", until=20)
    home.kept.keep("one", [(A, 1)], until=10)
    assert home.kept.sweep(19.9) == 0
    home.kept.extend("one", [A, B], 30)
    assert home.kept.sweep(20) == 0
    assert list(home.kept.roots()) == [(A, "recursive")]
    assert home.kept.total("one") == 3
    home.kept.keep("one", [(A, 3)])
    assert home.kept.sweep(1e12) == 0


def test_what_has_expired_is_forgotten(home: Home) -> None:
    home.kept.keep("one", [(A, 3)], until=10)
    home.kept.keep("one", [(B, 4)])
    assert home.kept.total("one") == 7
    assert home.kept.sweep(10) == 1
    assert home.kept.total("one") == 4
    assert list(home.kept.roots()) == [(B, "direct")]


def test_copies_count_by_did_and_root(home: Home) -> None:
    kept = home.kept
    assert kept.copy("did:key:two", A, {A: 3}, 3 + ROW)
    assert kept.copy("did:key:one", B, {B: 4}, 1000)
    assert kept.copy("did:key:one", B, {B: 4, A: 3}, 1000)
    kept.keep("pins/one/1", [(A, 1)])
    assert kept.copies() == [("did:key:one", B, 7 + 2 * ROW), ("did:key:two", A, 3 + ROW)]
    assert kept.growth("did:key:one", B, {A: 3}) == 0
    assert not kept.copy("did:key:one", A, {A: 3}, 9 + 3 * ROW)  # for another root it counts again
    assert kept.copied("did:key:one") == 7 + 2 * ROW
    assert kept.drop_copy("did:key:one", B)
    assert not kept.drop_copy("did:key:one", B)
    assert [cid for cid, _ in kept.roots()] == [A]
    assert kept.copied("did:key:one") == 7 + 2 * ROW  # it lies here still
    collect(home)
    assert kept.copied("did:key:one") == 0


def test_gc_spares_what_is_kept(home: Home) -> None:
    leaf, other = home.store.put(b"leaf"), home.store.put(b"other")
    missing = CID.make(RAW, b"still to come")
    root = home.store.put(dag_cbor.encode([leaf, missing]), DAG_CBOR)
    home.kept.keep("one", [(root, 0)], kind="recursive")
    home.kept.keep("two", [(other, 5)])
    home.store.put(b"nobody's")
    assert collect(home).blocks == 1
    home.kept.keep("three", [(root, 0)])
    home.kept.release("one")
    assert collect(home).blocks == 1
    assert home.store.has_many([root, leaf, other]) == [True, False, True]
    home.kept.release("two")
    home.kept.release("three")
    assert collect(home).blocks == 2


def test_what_was_let_go_counts_until_garbage_is_collected(home: Home) -> None:
    home.kept.linger("one", 3)
    home.kept.linger("one", 4)
    home.kept.linger("two", 5)
    assert (home.kept.lingers("one"), home.kept.lingers("three")) == (7, 0)
    collect(home, dry_run=True)
    began = home.kept.lingering()
    home.kept.linger("one", 10)
    home.kept.collected(began)
    assert home.kept.lingering() == {"one": 10}
    collect(home)
    assert home.kept.lingering() == {}
