"""Verification where bytes are wrong or gone, engines are missing, or only a part is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CorruptBlock, UsageError
from cid_store.stores.local import LocalStore
from codata import ops
from codata.attested import attested, coverage
from codata.collect import collect
from codata.errors import NotCheckable
from codata.execute.perform import check_engines
from codata.home import Home
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.manifest import Manifest
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.source import Source
from codata.records.task import Task
from codata.verify.sample import Sampling, detected, draws, parse_share, pick
from tests.runs import Made, check, do


def intermediates(home: Home, run: CID) -> list[CID]:
    """The tables between the stages of a run that are no output of it."""
    record = Run.load(home.store, run)
    outputs = {s.cid for o in record.outputs.values() for s in Manifest.load(home.store, o).refs(home.store)}
    receipts = [Receipt.load(home.store, row.receipt) for row in record.entries(home.store)]
    return sorted({o.cid for r in receipts for o in r.out.values() if o.hash and o.cid not in outputs})


def test_a_flipped_bit_in_a_shard_is_corrupt(made: Made) -> None:
    with made.home() as home:
        store = home.store
        assert isinstance(store, LocalStore)
        shard = next(Manifest.load(store, made.output).refs(store)).cid
        (place,) = store._places(shard)
        path = store._path(place)
        start = place.start
    data = bytearray(path.read_bytes())
    data[start + 1000] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with made.home() as home, pytest.raises(CorruptBlock) as caught:
        check(home, made.run)
    assert caught.value.exit_code == 4


def test_a_missing_shard_of_the_output_is_missing(made: Made) -> None:
    with made.home() as home:
        shard = next(Manifest.load(home.store, made.output).refs(home.store)).cid
        home.store.delete([shard])
        with pytest.raises(BlockNotFound) as caught:
            check(home, made.run)
    assert (caught.value.exit_code, caught.value.cid) == (4, shard)


def test_missing_intermediates_are_made_again(made: Made) -> None:
    with made.home() as home:
        gone = intermediates(home, made.run)
        assert len(gone) > 2
        home.store.delete(gone)
        found = check(home, made.run)
        assert found.exit_code == 0
        assert found.checked == found.tasks
        assert not any(home.store.has_many(gone))  # the checked store stays as it was


def test_a_missing_input_that_nothing_makes_again_is_missing(made: Made) -> None:
    with made.home() as home:
        gone = intermediates(home, made.import_run)
        source = Run.load(home.store, made.import_run).inputs["source"]
        home.store.delete(gone)
        assert check(home, made.import_run).exit_code == 0
        files = [f.cid for f in Source.load(home.store, source).entries(home.store)]
        home.store.delete(files)
        with pytest.raises(BlockNotFound):
            check(home, made.import_run)


def test_a_missing_node_that_the_plan_reads_is_named_as_such(made: Made) -> None:
    with made.home() as home:
        rows = list(Run.load(home.store, made.run).entries(home.store))
        pick_row = next(r for r in rows if Task.load(home.store, r.task).step == "seal/pick")
        node = Receipt.load(home.store, pick_row.receipt).out["out"].cid
        home.store.delete([node])
        with pytest.raises(BlockNotFound, match=r"the structure of run .* can't be checked without it"):
            check(home, made.run)


@pytest.fixture
def other_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pyarrow seems to be installed in another version."""
    real = ops.engine_version
    ops.engine_version.cache_clear()
    monkeypatch.setattr(ops, "engine_version", lambda name: "0.1" if name == "pyarrow" else real(name))
    yield
    real.cache_clear()


def test_an_engine_that_is_not_here_leaves_the_run_unchecked(made: Made, other_engine: None) -> None:
    with made.home() as home:
        found = check(home, made.run)
        first = Task.load(home.store, next(iter(Run.load(home.store, made.run).entries(home.store))).task)
        assert (found.verdict, found.exit_code) == ("incomplete", 5)
        assert found.checked < found.tasks
        assert any("pyarrow" in v.evidence for v in found.verdicts if v.word == "not checkable")
        with pytest.raises(NotCheckable, match=r"here: 0\.1") as caught:
            check_engines(first)
    assert caught.value.exit_code == 5


def test_a_sample_is_drawn_signed_and_adds_up(made: Made) -> None:
    with made.home() as home:
        found = check(home, made.run, Sampling(count=3))
        assert found.exit_code == 0
        assert 0 < found.checked <= 3 < found.tasks
        assert "poisoned shard can go unseen" in found.detects
        for _ in range(4):
            check(home, made.run, Sampling(count=5))
        words = attested(home, made.run)
        covered, tasks = coverage(home, made.run)
    assert len(words) == 5
    assert max(w.record.checked for w in words) <= covered <= tasks == found.tasks


def test_a_forged_attestation_is_nobodys_word(made: Made) -> None:
    with made.home() as home:
        honest = Attestation.load(home.store, check(home, made.run).attestation)
        forged = replace(honest, checked=honest.checked + 1)
        home.ledger.add_attestation(made.run, forged.save(home.store))
        home.ledger.add_attestation(made.output, honest.save(home.store))
        assert [w.record for w in attested(home, made.run)] == [honest]
        assert attested(home, made.output) == []  # it speaks of another run


def test_verifying_leaves_nothing_but_the_attestation(made: Made) -> None:
    with made.home() as home:
        before = set(home.store.cids())
        attestation = check(home, made.run).attestation
        new = set(home.store.cids()) - before
        kept = {attestation, *pages.cids(home.store, Attestation.load(home.store, attestation).verdicts)}
        mine = {v for v in new if v not in kept}
        assert kept <= new
        assert all(Receipt.load(home.store, v).executor == home.identity.did for v in mine)


def test_collecting_frees_intermediates_and_verification_still_holds(made: Made) -> None:
    with made.home() as home:
        gone = intermediates(home, made.run)
        home.store.close()
        collect(home)
        assert not any(home.store.has_many(gone))
        assert check(home, made.run).exit_code == 0
        again = do(home, made.job, {"data": made.dataset})
        assert (again.run, again.executed) == (made.run, 0)


def test_draws_are_the_published_ones() -> None:
    assert [draws(Decimal(d), Decimal("0.99")) for d in ("0.01", "0.05", "0.1")] == [459, 90, 44]
    assert Decimal("0.0498") < detected(90, Decimal("0.99")) <= Decimal("0.05")


@pytest.mark.parametrize("text", ["0", "1", "100%", "150%", "-1%", "nan", "x", "", "%", "inf"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_share(text)


def test_more_draws_than_can_be_are_refused() -> None:
    with pytest.raises(UsageError, match="needs"):
        draws(Decimal("1e-20"), Decimal("0.99"))


def test_draws_follow_weight_and_seed() -> None:
    weights = [1, 0, 1_000_000, 1]
    assert pick(weights, 50, b"seed", 0) == [2]
    assert pick([5] * 1000, 40, b"a", 0) == pick([5] * 1000, 40, b"a", 0)
    assert pick([5] * 1000, 40, b"a", 0) != pick([5] * 1000, 40, b"a", 1) != pick([5] * 1000, 40, b"b", 1)
    assert pick([0, 0], 64, b"seed", 0) == [0, 1]  # a task without input counts too


def test_the_homes_own_store_is_not_written_by_tasks(made: Made, tmp_path: Path) -> None:
    with made.home() as home:
        home.store.delete(intermediates(home, made.run))
        before = set(home.store.cids())
        check(home, made.run)
        tables = {c for c in set(home.store.cids()) - before if c.codec != 0x71}
    assert tables == set()
