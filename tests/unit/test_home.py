"""What a home remembers: names, work done, whom to trust."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.errors import UsageError
from codata.database import connect, transaction
from codata.errors import HomeError, UnknownName
from codata.home import Home
from codata.ledger import Ledger, Sealed

ONE, TWO, THREE = (CID.make(DAG_CBOR, bytes([i])) for i in range(3))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(connect(tmp_path / "ledger.sqlite")) as db:
        yield Ledger(db)


def test_a_name_stands_for_what_it_was_given_last(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        home.names.give("b", ONE)
        home.names.give("a", TWO)
        home.names.give("b", THREE)
    with Home(tmp_path) as home:
        assert list(home.names.all().items()) == [("a", TWO), ("b", THREE)]
        home.names.forget("a")
        assert home.names.find("a") is None
        with pytest.raises(UnknownName, match="'a'"):
            home.names.forget("a")


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "a\n", "é", "x" * 129, CID.make(RAW, b"")])
def test_what_can_not_be_a_name(tmp_path: Path, name: str) -> None:
    with Home(tmp_path) as home, pytest.raises(UsageError, match="can't be a name"):
        home.names.give(name, ONE)


def test_a_ref_is_a_name_a_cid_or_a_path_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Home(tmp_path / "home") as home:
        with pytest.raises(UnknownName) as e:
            home.resolve("numbers")
        assert e.value.next_step is not None and "codata add" in e.value.next_step
        home.names.give("numbers", ONE)
        assert home.resolve("numbers") == home.resolve(str(ONE)) == ONE
        with pytest.raises(UnknownName) as e:
            home.resolve("number")
        assert e.value.next_step is not None and "numbers" in e.value.next_step
        Path("numbers").touch()
        with pytest.raises(UsageError, match="both a name here and a path"):
            home.resolve("numbers")


def test_ones_own_word_counts_first_and_others_by_trust(tmp_path: Path) -> None:
    with Home(tmp_path / "mine") as mine, Home(tmp_path / "other") as other:
        did = other.identity.did
        assert list(mine.trusted()) == [mine.identity.did]
        mine.trust.give(did, "a friend")
        assert list(mine.trusted().items()) == [(mine.identity.did, "this home"), (did, "a friend")]
        mine.trust.withdraw(did)
        assert mine.trust.all() == {}
        with pytest.raises(UnknownName):
            mine.trust.withdraw(did)


def test_receipts_come_in_their_order_and_lead_back_from_outputs(ledger: Ledger) -> None:
    for receipt, executor in ((TWO, "a"), (ONE, "b"), (TWO, "a")):
        ledger.record(THREE, receipt, executor, [ONE, ONE])
    assert ledger.receipts(THREE) == [(TWO, "a"), (ONE, "b")]
    assert ledger.makers(ONE) == [THREE]
    assert ledger.receipts(ONE) == ledger.makers(THREE) == []


@pytest.mark.parametrize("proof", [(), (bytes(32),), (b"\x01" * 32, b"\x02" * 32)])
def test_the_first_seal_of_a_receipt_stands(ledger: Ledger, proof: tuple[bytes, ...]) -> None:
    ledger.seal([(ONE, Sealed(TWO, 7, proof))])
    ledger.seal([(ONE, Sealed(THREE, 0, ()))])
    assert ledger.sealed(ONE) == Sealed(TWO, 7, proof)
    assert ledger.sealed(TWO) is None


def test_runs_are_found_by_what_they_gave(ledger: Ledger) -> None:
    ledger.add_run(ONE, [TWO, THREE])
    ledger.add_run(THREE, [TWO])
    ledger.add_attestation(ONE, TWO)
    assert set(ledger.runs()) == set(ledger.runs(TWO)) == {ONE, THREE}
    assert ledger.runs(THREE) == [ONE]
    assert (ledger.attestations(ONE), ledger.attestations(TWO)) == ([TWO], [])


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    db = connect(tmp_path / "x.sqlite")
    ledger = Ledger(db)
    with pytest.raises(KeyError), transaction(db):
        db.execute("INSERT INTO runs VALUES (?, 0)", (ONE,))
        raise KeyError
    assert ledger.runs() == []
    ledger.add_run(TWO, [])
    assert ledger.runs() == [TWO]
    db.close()


def test_a_folder_that_can_not_be_a_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="file"):
        Home(tmp_path / "file")
