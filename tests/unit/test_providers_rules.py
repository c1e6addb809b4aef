"""The rules that runs on providers follow: who is believed, who is late, what is drawn, what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from cid_store.cid import CID, DAG_CBOR
from cid_store.stores.memory import MemoryStore
from codata.execute.account import price_text
from codata.execute.attempts import HOME, Attempts, Bounds, disagreement, stragglers
from codata.execute.audit import Lots, Word, judge
from codata.execute.needs import blocks_of, need_of
from codata.execute.rates import DEFAULT, Rates
from codata.plan.rows import RowCall, RowsParams
from codata.plan.stage import Planner
from codata.records import pages
from codata.records.receipt import Cost, Output, Receipt
from codata.remote.client import Client
from codata.remote.member import Member
from tests.asking import somebody

TASK = CID.make(DAG_CBOR, b"task")


def _receipt(out: bytes, cost: Cost = Cost(2_000_000, 0, 100, 50)) -> Receipt:  # noqa: B008 - frozen
    return Receipt(TASK, {"out": Output(CID.make(0x55, out))}, TASK, somebody(1).did, cost)


@pytest.fixture
def members() -> Any:
    clients = [Client(f"http://127.0.0.1:{port}", somebody(1)) for port in (1, 2, 3)]
    yield [Member(number, client, lambda text: None) for number, client in enumerate(clients)]
    for client in clients:
        client.close()


def _words(members: Sequence[Member], *said: bytes | None) -> list[Word]:
    """What the members say, in order; then the home, where there is a fourth."""
    who: list[Member | None] = [*members, None]
    return [
        Word(member, _receipt(out), CID.make(DAG_CBOR, out))
        for member, out in zip(who, said, strict=False)
        if out is not None
    ]


@pytest.mark.parametrize(
    ("said", "right", "false"),
    [
        ((b"a",), None, []),
        ((b"a", b"a"), 0, []),
        ((b"a", b"b"), None, []),
        ((b"a", b"b", b"b"), 1, [0]),
        ((b"a", b"b", b"c"), None, []),
        ((b"a", None, None, b"a"), HOME, []),
        ((b"a", None, None, b"b"), HOME, [0]),
        ((b"a", b"b", None, b"b"), HOME, [0]),
        ((b"a", b"a", None, b"b"), HOME, [0, 1]),
    ],
)
def test_two_that_agree_stand_and_against_the_home_nobody(
    members: list[Member], said: tuple[bytes | None, ...], right: int | None, false: list[int]
) -> None:
    verdict = judge(_words(members, *said))
    word = verdict.right
    found = None if word is None else HOME if word.member is None else word.member.number
    assert found == right
    assert [w.member.number for w in verdict.false if w.member] == false


def test_who_disagrees_is_named(members: list[Member]) -> None:
    error = disagreement(_words(members, b"a", b"b"))
    assert error.exit_code == 3
    assert "http://127.0.0.1:1, http://127.0.0.1:2" in error.message


def test_lots_are_drawn_at_their_share_and_not_to_be_foreseen() -> None:
    tasks = [CID.make(DAG_CBOR, bytes([i >> 8, i & 255])) for i in range(4000)]
    assert not any(Lots(0.0).drawn(task) for task in tasks)
    assert all(Lots(1.0).drawn(task) for task in tasks)
    one, other = Lots(0.1), Lots(0.1)
    drawn = [[task for task in tasks if lots.drawn(task)] for lots in (one, other)]
    assert all(300 < len(found) < 500 for found in drawn)
    assert drawn[0] != drawn[1]
    assert drawn[0] == [task for task in tasks if Lots(0.1, one.nonce).drawn(task)]


def _attempts(**at: float) -> Attempts:
    store = MemoryStore()
    task = Planner(store).task("rows", 1, RowsParams(steps=[]), data=[]).save(store)
    return Attempts(need_of(store, task), at={int(number[1:]): since for number, since in at.items()})


def test_who_is_late_is_tried_elsewhere_once_half_has_ended() -> None:
    bounds = Bounds(straggling=3, least=5)
    late, early = _attempts(_0=0.0), _attempts(_0=95.0)
    two, done = _attempts(_0=0.0, _1=0.0), _attempts(_0=0.0)
    done.hedged = True
    left = [late, early, two, done]
    assert stragglers(left, [1.0] * 3, 8, bounds, 100.0) == []
    assert stragglers(left, [1.0] * 4, 8, bounds, 100.0) == [late]
    assert stragglers(left, [1.0] * 4, 8, bounds, 4.0) == []
    assert stragglers(left, [40.0] * 4, 8, bounds, 100.0) == []


def test_a_need_names_what_must_be_there() -> None:
    store = MemoryStore()
    planner = Planner(store)
    data = [store.put(bytes([i & 255, i >> 8])) for i in range(3000)]
    calls = [RowCall(step="text.normalize", version=1, params={"column": "text"})]
    need = need_of(store, planner.task("rows", 1, RowsParams(steps=calls), data=data).save(store))
    assert need.inputs == tuple(data)
    assert need.names == ("rows", "text.normalize")
    assert len(need.records) > 1
    assert not need.lazy
    pick = planner.task("seal/pick", 1, {}, cuts=data[:1], parts=data).save(store)
    assert need_of(store, pick).inputs == tuple(data[:1])
    assert need_of(store, pick).lazy


def test_what_is_below_is_sent_first() -> None:
    store = MemoryStore()
    file = store.put_file(b"bytes of a file of three blocks" * 80_000)
    sent = [block.cid for block in blocks_of(store, file)]
    assert (sent[-1], len(sent)) == (file, 4)
    listed = pages.put(store, [[i, file] for i in range(5000)])
    sent = [block.cid for block in blocks_of(store, listed)]
    assert sent[-1] == listed
    assert file not in sent
    node = store.put(b"\xa0", DAG_CBOR)
    assert [block.cid for block in blocks_of(store, node)] == [node]


def test_what_tasks_take_is_learnt() -> None:
    rates = Rates()
    assert rates.seconds("rows", 1000) == 1000 * DEFAULT
    rates.add("rows", _receipt(b"a"))
    assert rates.seconds("rows", 1000) == 20
    assert rates.traffic("rows", 1000) == 1500


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("0", "0"),
        ("0.1", "0.1"),
        ("1e-9", "0.000000001"),
        ("1e-12", "0"),
        ("12.50", "12.5"),
        ("1E+3", "1000"),
    ],
)
def test_prices_are_plain(price: str, text: str) -> None:
    assert price_text(Decimal(price)) == text
