"""What a stage makes of what its executors say, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import pytest

from cid_store.cid import CID, DAG_CBOR
from codata import ops
from codata.errors import FalseClaim
from codata.execute.attempts import Bounds
from codata.execute.audit import Lots
from codata.execute.courier import Courier
from codata.execute.errands import Errand
from codata.execute.events import Beat, Ended, Event
from codata.execute.events import Home as AtHome
from codata.execute.executors import Report
from codata.execute.needs import Need, need_of
from codata.execute.rates import Rates
from codata.execute.supply import Supply
from codata.execute.terms import Terms
from codata.execute.watch import Watch
from codata.execute.worker import Outcome
from codata.home import Home
from codata.plan.rows import RowsParams
from codata.plan.stage import Planner
from codata.records.receipt import Cost, Output, Receipt
from codata.records.run import RunRow
from codata.remote.member import Member
from codata.remote.offer import Offer
from codata.remote.pool import Pool
from tests.asking import somebody

TRUE, FALSE = CID.make(DAG_CBOR, b"true"), CID.make(DAG_CBOR, b"false")
INPUT = CID.make(DAG_CBOR, b"input")


Happens = Callable[["Script", list[tuple[Member, Need]], Sequence[Need]], None]


@dataclass
class Script:
    """Errands that nobody runs: what happens of them is put on the queue by the test."""

    home: Home
    happens: Happens
    over: set[CID] = field(default_factory=set)
    events: SimpleQueue[Event] = field(default_factory=SimpleQueue)

    def start(self, errands: Sequence[Errand], here: Sequence[Need]) -> None:
        self.happens(self, [(errand.member, need) for errand in errands for need in errand.needs], here)

    def says(self, member: Member, need: Need, out: CID) -> None:
        """A member ends a task."""
        receipt, cid = self._receipt(need, out, member.terms.did)
        self.events.put(Ended(member, RunRow(need.cid, cid, cid, 0, ()), receipt))

    def home_says(self, need: Need, out: CID) -> None:
        """The home does."""
        _, cid = self._receipt(need, out, self.home.identity.did)
        self.events.put(AtHome(Outcome(need.cid, cid)))

    def _receipt(self, need: Need, out: CID, did: str) -> tuple[Receipt, CID]:
        receipt = Receipt(need.cid, {"out": Output(out)}, TRUE, did, Cost(1, 1, 1, 1))
        return receipt, receipt.save(self.home.store)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path) as opened:
        yield opened


@pytest.fixture
def pool(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Three members, none of which is asked anything."""
    monkeypatch.setattr(Pool, "locate", lambda self, cids: None)
    monkeypatch.setattr(Pool, "dismiss", lambda self, member, task: None)
    made = Pool([f"http://127.0.0.1:{port}" for port in (1, 2, 3)], home.identity, lambda text: None)
    engines = {name: ops.engine_version(name) for name in ("pyarrow", "polars")}
    for member in made.members:
        member.offer, member.word = Offer(somebody(member.number + 1).did, engines=engines), "good"
    yield made
    made.close()


def _needs(home: Home, pool: Pool, count: int) -> list[Need]:
    """So many tasks, which read what all members hold."""
    planner, params = Planner(home.store), RowsParams(steps=[])
    for member in pool.members:
        pool.note(INPUT, member)
    tasks = (planner.task("rows", 1, params, data=[INPUT] * n) for n in range(1, count + 1))
    return [need_of(home.store, task.save(home.store)) for task in tasks]


def _watch(
    home: Home, pool: Pool, needs: Sequence[Need], happens: Happens, report: Report, terms: Terms
) -> Watch:
    supply = Supply(home, pool)
    supply.learn([(INPUT, 10)])
    return Watch(
        pool,
        supply,
        cast("Courier", Script(home, happens)),
        needs,
        report,
        terms=terms,
        lots=Lots(terms.audit),
        rates=Rates.of(home),
    )


@dataclass
class Ran:
    """What became of a stage of four tasks, the first of which was at two members."""

    words: list[str]
    reported: dict[CID, list[Outcome]]
    watch: Watch
    asked: list[Member | None]
    """Who was asked for the first task, in order; None is the home."""


def _stage(home: Home, pool: Pool, outs: tuple[CID, CID], *, at_home: bool, third: CID = TRUE) -> Ran:
    """The first task is hedged; its second member ends it first, saying `outs[0]`, then its first says
    `outs[1]`; whoever is asked after that says `third`."""
    needs = _needs(home, pool, 4)
    asked: list[Member | None] = []

    def happens(script: Script, away: list[tuple[Member, Need]], here: Sequence[Need]) -> None:
        places = {need.cid: member for member, need in away}
        if len(places) == len(needs):
            for need in needs[1:3]:  # half of the stage has ended: the others are late
                script.says(places[need.cid], need, TRUE)
        if needs[0].cid in places:
            asked.append(places[needs[0].cid])
        if any(need.cid == needs[0].cid for need in here):
            asked.append(None)
            script.home_says(needs[0], third)
        elif needs[0].cid in places and len(asked) == 2:
            first, second = cast("list[Member]", asked)
            script.says(second, needs[0], outs[0])
            script.says(first, needs[0], outs[1])
            script.says(second, needs[3], TRUE)
        elif needs[0].cid in places and len(asked) > 2:
            script.says(places[needs[0].cid], needs[0], third)

    reported: dict[CID, list[Outcome]] = {}
    watch = _watch(
        home,
        pool,
        needs,
        happens,
        lambda outcome: reported.setdefault(outcome.task, []).append(outcome),
        Terms(bounds=Bounds(patience=60, straggling=0, least=0), home=at_home),
    )
    watch.run()
    return Ran([member.word for member in pool.members], reported, watch, asked)


@pytest.mark.parametrize("at_home", [True, False])
@pytest.mark.parametrize("first_lies", [True, False])
def test_a_late_word_that_differs_is_put_to_a_third_and_who_was_false_is_named(
    home: Home, pool: Pool, at_home: bool, first_lies: bool
) -> None:
    ran = _stage(home, pool, (TRUE, FALSE) if first_lies else (FALSE, TRUE), at_home=at_home)
    first, second, third = ran.asked
    assert first is not None
    assert second is not None
    assert (third is None) == at_home
    liar, honest = (first, second) if first_lies else (second, first)
    assert (liar.word, honest.word) == ("false", "good")
    assert any(evidence for _, evidence in liar.faults)
    assert {word.receipt.out["out"].cid for word in ran.watch.evidence} == {TRUE, FALSE}
    assert [len(outcomes) for outcomes in ran.reported.values()] == [1] * len(ran.reported)
    assert pool.to_disown() is liar


def test_late_words_that_agree_change_nothing(home: Home, pool: Pool) -> None:
    ran = _stage(home, pool, (TRUE, TRUE), at_home=True)
    assert (ran.words, len(ran.asked), ran.watch.evidence) == (["good"] * 3, 2, [])
    assert [len(outcomes) for outcomes in ran.reported.values()] == [1] * 4


def test_of_two_that_differ_both_are_told_where_nobody_can_decide(home: Home, pool: Pool) -> None:
    pool.members[2].word = "gone"
    ran = _stage(home, pool, (TRUE, FALSE), at_home=False)
    assert len(ran.asked) == 2
    for member in cast("list[Any]", ran.asked):
        assert member.word == "good"
        assert "differ about task" in member.faults[0][0].message
    assert len(ran.watch.evidence) == 2
    assert [outcomes[0].error for outcomes in ran.reported.values()] == [None] * 4


def test_who_was_heard_of_while_nobody_listened_is_not_late(home: Home, pool: Pool) -> None:
    """The thread that decides may be held up: what came meanwhile is heard before anybody is stalled."""
    needs, patience = _needs(home, pool, 4), 0.5

    def happens(script: Script, away: list[tuple[Member, Need]], here: Sequence[Need]) -> None:
        script.says(*away[0], TRUE)
        for member in pool.members:
            script.events.put(Beat(member))
        for member, need in away[1:]:
            script.says(member, need, TRUE)

    held_up = iter([2 * patience])
    _watch(
        home,
        pool,
        needs,
        happens,
        lambda outcome: time.sleep(next(held_up, 0)),
        Terms(bounds=Bounds(patience=patience)),
    ).run()
    assert [member.word for member in pool.members] == ["good"] * 3


@pytest.mark.parametrize("differ", [True, False])
def test_an_audit_whose_input_went_lets_the_one_word_stand_and_not_one_of_two(
    home: Home, pool: Pool, differ: bool
) -> None:
    needs = _needs(home, pool, 1)
    asked: list[Member] = []

    def happens(script: Script, away: list[tuple[Member, Need]], here: Sequence[Need]) -> None:
        assert not here
        for member, need in away:
            asked.append(member)
            if len(asked) == 1 + differ:  # after this word nobody holds the input
                for holder in pool.members:
                    pool.note(INPUT, holder, holds=False)
            script.says(member, need, TRUE if len(asked) == 1 else FALSE)

    outcomes: list[Outcome] = []
    watch = _watch(home, pool, needs, happens, outcomes.append, Terms(home=False, audit=1.0))
    watch.run()
    (outcome,) = outcomes
    assert len(asked) == 1 + differ
    assert isinstance(outcome.error, FalseClaim) == (outcome.receipt is None) == differ
    assert [word.member for word in watch.evidence] == (asked if differ else [])
