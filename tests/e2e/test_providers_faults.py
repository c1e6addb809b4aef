"""Providers that die, stall, lie, refuse and fill up: found out, named, and worked around."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CidStoreError, StoreError
from cid_store.stores.memory import MemoryStore
from codata import ops
from codata.errors import TaskFailed
from codata.execute import courier
from codata.execute.assign import Wish
from codata.execute.attempts import Bounds
from codata.execute.perform import perform
from codata.execute.progress import Quiet
from codata.execute.providers import Providers
from codata.execute.run import RunResult, run
from codata.execute.supply import Supply
from codata.execute.terms import Terms
from codata.home import Home
from codata.ops import Bulk
from codata.records.manifest import Manifest
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.task import Task
from codata.remote.errors import OwnStoreFailed
from codata.remote.own import OwnStore
from codata.remote.proof import Taker
from codata.table import cutter
from codata.verify.structure import check_structure
from tests.command import Commands
from tests.fake_provider import Behaviour, FakeProvider, fake_provider
from tests.runs import job_of
from tests.spread import STEPS, Spread, give, know, spread

PATIENT = Bounds(patience=60, least=60)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Spread:
    return spread(tmp_path_factory.mktemp("whole"))


@contextmanager
def _providers(
    data: Spread, path: Path, behaviours: Sequence[Behaviour], copies: int = 1
) -> Iterator[list[FakeProvider]]:
    with ExitStack() as stack:
        fakes = [stack.enter_context(fake_provider(path / f"p{i}", b)) for i, b in enumerate(behaviours)]
        give(data, [fake.home for fake in fakes], copies=copies)
        yield fakes


def _run(
    data: Spread, mine: Home, fakes: Sequence[FakeProvider], *, leave: bool = False, **terms: Any
) -> RunResult:
    know(data, mine)
    with Providers(mine, [fake.url for fake in fakes], Terms(**{"bounds": PATIENT} | terms)) as executor:
        return run(mine, job_of(mine, STEPS), {"data": data.dataset}, executor, leave=leave)


def _words(result: RunResult) -> list[str]:
    return [p.word for p in result.account.providers]


def test_work_goes_to_the_data_and_gives_what_one_machine_gives(data: Spread, tmp_path: Path) -> None:
    with _providers(data, tmp_path, [Behaviour()] * 3) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, home=False)
        assert result.outputs == data.alone.outputs
        assert result.tasks == data.alone.tasks
        assert all(p.tasks >= 4 for p in result.account.providers)
        assert result.account.bytes_fetched > 0
        executors = {row.receipt.executor for row in check_structure(home.store, result.run).rows}
        assert executors >= {fake.did for fake in fakes}


def test_no_table_comes_home_that_is_not_a_result(data: Spread, tmp_path: Path) -> None:
    with _providers(data, tmp_path, [Behaviour()] * 3) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, leave=True)
        assert result.outputs == data.alone.outputs
        assert result.account.bytes_fetched == 0
        assert not any(home.store.has_many(data.shards))


def test_a_provider_without_events_is_asked(data: Spread, tmp_path: Path) -> None:
    fakes_ = [Behaviour(silent_events=True)] * 2
    with _providers(data, tmp_path, fakes_) as fakes, Home(tmp_path / "home") as home:
        assert _run(data, home, fakes).outputs == data.alone.outputs


def test_a_provider_that_dies_is_worked_around(data: Spread, tmp_path: Path) -> None:
    behaviours = [Behaviour(), Behaviour(seconds=0.2), Behaviour()]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        dying = fakes[1]
        dying.behaviour.falsify = _after(3, dying.stop)
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", "gone", "good"]
        (fault, *_) = result.account.providers[1].faults
        assert dying.url in fault.message


@pytest.mark.parametrize("path", ["/offer", "/have", "/blocks", "/tasks", "/tasks/events", "/ipfs"])
def test_a_provider_may_die_at_any_request(data: Spread, tmp_path: Path, path: str) -> None:
    """While it is asked, while tasks are pushed, submitted and followed, while results are fetched."""
    behaviours = [Behaviour(), Behaviour(dies_at=path)]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", "gone"]


def _after(count: int, do: Callable[[], None]) -> Callable[[object], bool]:
    left = [count]

    def called(task: object) -> bool:
        left[0] -= 1
        if not left[0]:
            do()
        return False

    return called


def test_what_went_with_a_provider_is_made_again(data: Spread, tmp_path: Path) -> None:
    """Its tables are gone with it: the tasks that made them run again where their inputs are."""
    behaviours = [Behaviour(), Behaviour(), Behaviour()]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        # Four shards of rows and their keys are done, then it dies.
        fakes[2].behaviour.falsify = _after(6, fakes[2].stop)
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert result.account.providers[2].word == "gone"


def test_inputs_may_be_gone_once_they_are_used(data: Spread, tmp_path: Path) -> None:
    with _providers(data, tmp_path, [Behaviour(), Behaviour()]) as fakes, Home(tmp_path / "home") as home:
        know(data, home)
        with Providers(home, [fake.url for fake in fakes], Terms(bounds=PATIENT)) as executor:
            lines = _Stages(at="sort", do=lambda: _forget(fakes, data))
            result = run(home, job_of(home, STEPS), {"data": data.dataset}, executor, lines)
        assert result.outputs == data.alone.outputs


def _forget(fakes: Sequence[FakeProvider], data: Spread) -> None:
    for fake in fakes:
        fake.home.store.delete(data.shards)


class _Stages(Quiet):
    """Does something when a stage of that step begins, once."""

    def __init__(self, at: str, do: Callable[[], None]) -> None:
        self._at, self._do = at, do

    def stage(self, name: str, tasks: int, reused: int) -> None:
        if name.startswith(self._at):
            self._at = "never again"
            self._do()


def test_a_provider_that_says_nothing_more_is_left(data: Spread, tmp_path: Path) -> None:
    behaviours = [Behaviour(), Behaviour(takes=2)]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, bounds=Bounds(patience=2.0, least=60))
        assert result.outputs == data.alone.outputs
        assert _words(result)[1] == "stalled"
        assert "got nowhere" in result.account.providers[1].faults[0].message


def test_a_slow_provider_is_overtaken(data: Spread, tmp_path: Path) -> None:
    behaviours = [Behaviour(), Behaviour(seconds=120), Behaviour()]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, bounds=Bounds(patience=60, straggling=3, least=0.5))
        assert result.outputs == data.alone.outputs
        assert result.account.hedged > 0
        assert result.seconds < 120


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (Behaviour(swap_receipts=True), "is for task"),
        (Behaviour(garbage=True), "wrong bytes"),
    ],
)
def test_a_lie_that_shows_itself(data: Spread, tmp_path: Path, behaviour: Behaviour, says: str) -> None:
    with (
        _providers(data, tmp_path, [Behaviour(), behaviour, Behaviour()], copies=2) as fakes,
        Home(tmp_path / "home") as home,
    ):
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", "false", "good"]
        assert any(says in fault.message for fault in result.account.providers[1].faults)
        rows = Run.load(home.store, result.run).entries(home.store)
        assert all(home.ledger.receipts(row.task) for row in rows)


def test_the_command_ends_with_3_and_the_right_result(data: Spread, tmp_path: Path) -> None:
    lie = Behaviour(falsify=lambda task: task.step == "rows")
    with _providers(data, tmp_path, [Behaviour(), lie], copies=2) as fakes:
        with Home(tmp_path / "home") as home:
            know(data, home)
        job = tmp_path / "job.yaml"
        job.write_text(yaml.safe_dump({"codata": "job/1", "steps": STEPS}))
        on = [word for fake in fakes for word in ("--on", fake.url)]
        done = Commands(tmp_path / "home")("run", job, data.dataset, *on, "--audit", "100%")
        job.write_text(yaml.safe_dump({"codata": "job/1", "steps": [{"filter": {"where": "id > 5"}}]}))
        again = Commands(tmp_path / "home")("run", job, data.dataset, *on[:2], json=False)
    assert done.code == 3
    assert done.value["outputs"] == dict(data.alone.outputs)
    assert [p["word"] for p in done.value["providers"]] == ["good", "false"]
    assert f"warning: {fakes[1].url}: task " in done.err
    assert done.value["actual"]["bytes_moved"] == done.value["bytes_moved"]
    assert again.code == 0
    shown = again.out.decode()
    assert "predicted" in shown
    assert fakes[0].url in shown


@pytest.mark.parametrize("at_home", [True, False])
def test_an_audit_finds_a_false_result_and_nothing_of_the_liar_is_used(
    data: Spread, tmp_path: Path, at_home: bool
) -> None:
    lie = Behaviour(falsify=lambda task: task.step == "dedup.exact/drop" or task.step == "rows")
    with (
        _providers(data, tmp_path, [Behaviour(), lie, Behaviour()], copies=2) as fakes,
        Home(tmp_path / "home") as home,
    ):
        result = _run(data, home, fakes, audit=1.0, home=at_home)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", "false", "good"]
        assert [p.url for p in result.account.false] == [fakes[1].url]
        fault = next(f for f in result.account.providers[1].faults if f.receipts)
        assert fault.task is not None
        known = {str(cid): did for cid, did in home.ledger.receipts(next(iter(_tasks(home, fault.receipts))))}
        assert set(fault.receipts) <= set(known)
        assert known[fault.receipts[0]] == fakes[1].did
        rows = list(Run.load(home.store, result.run).entries(home.store))
        used = {did for row in rows for cid, did in home.ledger.receipts(row.task) if cid == row.receipt}
        assert fakes[1].did not in used


@pytest.mark.parametrize("at_home", [True, False])
def test_auditors_that_fail_do_not_fail_the_task(
    data: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_home: bool
) -> None:
    done: set[CID] = set()

    def once(task: Task, store: Store, did: str) -> Receipt:
        if task.cid in done:
            raise TaskFailed("no more of this")
        done.add(task.cid)
        return perform(task, store, did)

    monkeypatch.setattr("tests.fake_provider.perform", once)
    with _providers(data, tmp_path, [Behaviour()] * 3) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, audit=1.0, home=at_home)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good"] * 3


def test_nobody_is_audited_by_himself_under_another_url(data: Spread, tmp_path: Path) -> None:
    lie = Behaviour(falsify=lambda task: task.step == "rows")
    with _providers(data, tmp_path, [lie]) as (liar,), Home(tmp_path / "home") as home:
        know(data, home)
        urls = [liar.url, liar.url.replace("127.0.0.1", "localhost")]
        with (
            Providers(home, urls, Terms(bounds=PATIENT, audit=1.0)) as executor,
            pytest.raises(CidStoreError),
        ):
            # What it alone holds went with it: that it was found false is what counts.
            run(home, job_of(home, STEPS), {"data": data.dataset}, executor)
        assert "false" in [provider.word for provider in executor.account().providers]


def test_two_that_disagree_and_nobody_to_decide(data: Spread, tmp_path: Path) -> None:
    lie = Behaviour(falsify=lambda task: True)
    with (
        _providers(data, tmp_path, [Behaviour(), lie], copies=2) as fakes,
        Home(tmp_path / "home") as home,
        pytest.raises(CidStoreError, match="each say something else") as failed,
    ):
        _run(data, home, fakes, audit=1.0, home=False)
    assert failed.value.exit_code == 3


def _tasks(home: Home, receipts: Sequence[str]) -> set[Any]:
    return {Receipt.load(home.store, CID(text)).task for text in receipts}


def test_refusals_name_the_rule_and_the_home_does_it(data: Spread, tmp_path: Path) -> None:
    behaviours = [Behaviour(refuse="steps = ['none']")]
    with _providers(data, tmp_path, behaviours) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert result.account.at_home >= len(data.shards)
    with (
        _providers(data, tmp_path / "again", behaviours) as fakes,
        Home(tmp_path / "other") as home,
        pytest.raises(TaskFailed, match=r"rule: steps = \['none'\]"),
    ):
        _run(data, home, fakes, home=False)


def test_what_a_provider_can_not_run_is_said_of_every_provider(data: Spread, tmp_path: Path) -> None:
    behaviours = [Behaviour(offer={"steps": ["dedup.*"]}), Behaviour(offer={"engines": {"pyarrow": "1"}})]
    with (
        _providers(data, tmp_path, behaviours) as fakes,
        Home(tmp_path / "home") as home,
        pytest.raises(TaskFailed) as failed,
    ):
        _run(data, home, fakes, home=False)
    assert f"{fakes[0].url}: runs no rows" in failed.value.message
    assert f"{fakes[1].url}: has " in failed.value.message


def test_what_the_choice_of_cuts_asks_for_is_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that give no candidates: each cut is forced, and lies in a part that one provider alone holds."""
    sizes = {"LEAST": 2_000, "NORMAL": 8_000, "GREATEST": 24_000, "STRICT": 1 << 30, "RELAXED": 1 << 30}
    for name, size in sizes.items():
        monkeypatch.setattr(cutter, name, size)
    cut = spread(tmp_path / "whole", rows=600)
    with _providers(cut, tmp_path, [Behaviour(), Behaviour()]) as fakes, Home(tmp_path / "home") as home:
        result = _run(cut, home, fakes, home=False)
        assert result.outputs == cut.alone.outputs
        assert Manifest.load(home.store, result.outputs["output"]).count > 4
        assert result.account.at_home == 1


def test_the_cheapest_of_those_that_hold_it_all(data: Spread, tmp_path: Path) -> None:
    dear = Behaviour(offer={"price": {"cpu_second": "5", "gigabyte": "0.5"}})
    cheap = Behaviour(offer={"price": {"cpu_second": "1", "gigabyte": "0.1"}})
    with (
        _providers(data, tmp_path, [dear, cheap], copies=2) as fakes,
        Home(tmp_path / "home") as home,
    ):
        result = _run(data, home, fakes, wish=Wish("price"))
        one, other = result.account.providers
        assert (one.tasks, one.price) == (0, 0)
        assert other.price > 0
        assert result.account.actual.price == other.price
        spent = [
            Receipt.load(home.store, r.receipt) for r in Run.load(home.store, result.run).entries(home.store)
        ]
        cpu = sum(r.cost.cpu_us for r in spent if r.executor == fakes[1].did)
        read = sum(r.cost.bytes_in + r.cost.bytes_out for r in spent if r.executor == fakes[1].did)
        assert other.price == Decimal(cpu) / 10**6 + Decimal(read) / 10**10


def test_a_preview_says_where_and_why(data: Spread, tmp_path: Path) -> None:
    only_dedup = Behaviour(offer={"steps": ["dedup.*"]})
    priced = Behaviour(offer={"price": {"cpu_second": "2", "gigabyte": "0"}})
    with (
        _providers(data, tmp_path, [only_dedup, priced]) as fakes,
        Home(tmp_path / "home") as home,
    ):
        know(data, home)
        job, inputs = job_of(home, STEPS), {"data": data.dataset}
        with Providers(home, [fake.url for fake in fakes]) as executor:
            _, seen = executor.foresee(job, inputs)
        first = seen.stages[0]
        assert [p.url for p in first.providers] == [fakes[1].url]
        assert [seat.why.split(" of")[0] for seat in seen.seats].count("holds all") == 6
        assert len(seen.seats) == len(data.shards)
        # What it can't fetch itself goes through the home, and so travels twice.
        assert first.cost.bytes_moved == 2 * sum(seat.bytes_moved for seat in seen.seats) > 0
        assert first.cost.price == pytest.approx(Decimal(2) * Decimal(first.providers[0].seconds))
        again = first.verifying(459)
        assert again.seconds == pytest.approx(first.providers[0].seconds)
        with Providers(home, [fakes[0].url]) as executor:
            _, nowhere = executor.foresee(job, inputs)
        assert nowhere.seats == ()
        assert {u.stage: u.reasons for u in nowhere.unplaced} == {
            "text.normalize + text.length_filter": (f"{fakes[0].url}: runs no rows",),
            "dedup.exact: answer": (f"{fakes[0].url}: runs no exchange/answer",),
            "dedup.exact: drop": (f"{fakes[0].url}: runs no dedup/drop",),
            "sort: partition": (f"{fakes[0].url}: runs no sort/range",),
            "sort: merge": (f"{fakes[0].url}: runs no sort/merge",),
        }
        assert [len(u.named) for u in nowhere.unplaced] == [len(data.shards), 0, 0, 0, 0]
        assert nowhere.stages[0].at_home == len(data.shards)


def test_a_forecast_that_fails_stops_no_run(
    data: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(params: object, taken: object) -> Bulk:
        raise OSError("no such estimate")

    key = "dedup.exact/keys", 1
    monkeypatch.setitem(ops._OPERATIONS, key, replace(ops.find(*key), gives=broken))
    told: list[str] = []
    with _providers(data, tmp_path, [Behaviour()]) as fakes, Home(tmp_path / "home") as home:
        know(data, home)
        with Providers(home, [fakes[0].url], Terms(bounds=PATIENT), told.append) as executor:
            result = run(home, job_of(home, STEPS), {"data": data.dataset}, executor)
        assert result.outputs == data.alone.outputs
        assert result.account.predicted is None
        assert {stage.predicted for stage in result.account.stages} == {None}
        assert told == ["what the run will take is not foreseen: OSError: no such estimate"]


def test_a_full_provider_is_left(data: Spread, tmp_path: Path) -> None:
    with (
        _providers(data, tmp_path, [Behaviour(), Behaviour(full=True)], copies=2) as fakes,
        Home(tmp_path / "home") as home,
    ):
        result = _run(data, home, fakes)
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", "full"]


def test_inputs_at_home_are_pushed_to_who_can_run(data: Spread, tmp_path: Path) -> None:
    with fake_provider(tmp_path / "p") as fake, Home(tmp_path / "home") as home:
        know(data, home)
        give(data, [home])
        with Providers(home, [fake.url], Terms(home=False)) as executor:
            result = run(home, job_of(home, STEPS), {"data": data.dataset}, executor)
        assert result.outputs == data.alone.outputs
        assert result.bytes_moved == sum(home.store.open_file(cid).size for cid in data.shards)


@pytest.mark.parametrize("way", ["bring", "push"])
def test_an_input_that_takes_long_is_no_stall_as_long_as_bytes_move(
    data: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    move = getattr(Supply, way)

    def slowly(self: Supply, *args: Any, progress: Any = None, **named: Any) -> None:
        for _ in range(60):
            time.sleep(0.1)
            if progress is not None:
                progress(1)
        move(self, *args, progress=progress, **named)

    behaviours = [Behaviour(refuse="no tasks"), Behaviour()]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        _forget(fakes[1:], data)
        monkeypatch.setattr(Supply, way, slowly)
        result = _run(data, home, fakes, home=False, bounds=Bounds(patience=4, least=60))
        assert result.outputs == data.alone.outputs
        assert _words(result)[1] == "good"
        assert not result.account.providers[1].faults


@pytest.mark.parametrize(
    ("fetches", "word"),
    [
        ([n * 100 for n in range(1, 11)], "good"),
        ([100] * 10, "stalled"),
        ([10**12 + n * 100 for n in range(10)], "stalled"),  # more than there is to fetch
    ],
)
def test_a_provider_that_fetches_is_no_stall_as_long_as_bytes_come(
    data: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetches: list[int], word: str
) -> None:
    monkeypatch.setattr(courier, "_FAR", 100)
    behaviours = [Behaviour(), Behaviour(fetches=fetches)]
    with _providers(data, tmp_path, behaviours, copies=2) as fakes, Home(tmp_path / "home") as home:
        result = _run(data, home, fakes, bounds=Bounds(patience=2.5, least=60))
        assert result.outputs == data.alone.outputs
        assert _words(result) == ["good", word]


def test_a_home_that_fails_ends_the_run_and_blames_nobody(
    data: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _providers(data, tmp_path, [Behaviour()]) as fakes, Home(tmp_path / "home") as home:
        know(data, home)
        job = job_of(home, STEPS)
        with Providers(home, [fakes[0].url], Terms(bounds=PATIENT)) as executor:
            monkeypatch.setattr(Taker, "_keep", lambda self, cids: OwnStore(_Full()).put(b"what it gave"))
            with pytest.raises(OwnStoreFailed, match="no space left"):
                run(home, job, {"data": data.dataset}, executor)
            (provider,) = executor.account().providers
            assert (provider.word, provider.faults) == ("good", ())


class _Full(MemoryStore):
    """A disk without room."""

    def _write(self, blocks: Sequence[Block]) -> None:
        raise StoreError("no space left on the device")


def test_nobody_answers(data: Spread, tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home:
        know(data, home)
        give(data, [home])
        with Providers(home, ["http://127.0.0.1:9"], Terms()) as executor:
            result = run(home, job_of(home, STEPS), {"data": data.dataset}, executor)
        assert result.outputs == data.alone.outputs
        assert [p.word for p in result.account.providers] == ["gone"]
