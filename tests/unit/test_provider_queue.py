"""What a provider writes down of tasks, and of requests that came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.cid import CID, DAG_CBOR
from codata.kept import ROW
from codata.provider.errors import Busy
from codata.provider.work.errors import Replayed
from codata.provider.work.examine import Accepted
from codata.provider.work.queue import Queue
from codata.provider.work.seen import Seen
from codata.provider.work.settings import Limits
from codata.signing import Signed

TASKS = [CID.make(DAG_CBOR, n.to_bytes(2, "big")) for n in range(1200)]
A, B, C = TASKS[:3]
LIMITS = Limits(memory=1, seconds=2)


def accepted(*tasks: CID) -> list[Accepted]:
    return [Accepted(task, (), LIMITS) for task in tasks]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "q.sqlite")
    yield opened
    opened.close()


def states(queue: Queue, *tasks: CID) -> list[str | None]:
    entries = queue.entries(tasks)
    return [entries[task].state if task in entries else None for task in tasks]


def test_tasks_are_counted_by_who_wants_them_and_state(queue: Queue) -> None:
    queue.submit("one", accepted(A, B), [], 100)
    queue.submit("two", accepted(B), [], 100)
    queue.end([(B, "done", {})], 100)
    assert queue.by_client() == {"one": {"queued": 1, "done": 1}, "two": {"done": 1}}


def test_what_was_taken_is_there_after_a_restart_in_the_order_in_which_it_came(
    queue: Queue, tmp_path: Path
) -> None:
    assert queue.submit("one", accepted(B, A), ["https://a.example/"], 100) == [B, A]
    queue.submit("one", accepted(C), [], 100)
    queue.end([(A, "done", {"receipt": "x"})], 100)
    again = Queue(tmp_path / "q.sqlite")
    try:
        waiting = again.queued()
        assert [entry.task for entry in waiting] == [B, C]
        assert (waiting[0].limits, waiting[0].sources) == (LIMITS, ("https://a.example/",))
        assert again.entries([A])[A].answer == {"receipt": "x"}
    finally:
        again.close()


def test_a_task_is_queued_once_whoever_wants_it(queue: Queue) -> None:
    assert queue.submit("one", accepted(A), [], 100) == [A]
    assert queue.submit("two", accepted(A), [], 100) == []
    assert queue.who(A) == ["one", "two"]
    assert (queue.waiting("one"), queue.waiting("two"), queue.waiting("three")) == (1, 1, 0)
    queue.end([(A, "done", {})], 100)
    assert queue.submit("three", accepted(A), [], 100) == []
    assert states(queue, A) == ["done"]


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_failed_or_was_cancelled_is_queued_again(queue: Queue, end: str) -> None:
    queue.submit("one", accepted(A), [], 100)
    queue.end([(A, end, {"error": {}})], 100)
    assert queue.submit("one", accepted(A), [], 100) == [A]
    assert queue.entries([A])[A].answer == {}


def test_an_end_comes_once(queue: Queue) -> None:
    queue.submit("one", accepted(A), [], 100)
    queue.end([(A, "cancelled", {})], 100)
    queue.end([(A, "done", {}), (B, "done", {})], 100)
    assert states(queue, A, B) == ["cancelled", None]


def test_each_did_sees_its_own(queue: Queue) -> None:
    queue.submit("one", accepted(*TASKS), [], 100)
    queue.submit("two", accepted(B), [], 100)
    assert len(queue.of("one", TASKS)) == len(TASKS)
    assert list(queue.of("two", TASKS)) == [B]
    assert queue.leave("one", B)[0] is False
    assert queue.leave("two", B)[0] is True
    assert queue.of("two", TASKS) == {}


def test_results_are_forgotten_when_nobody_wants_them_but_never_what_waits(queue: Queue) -> None:
    queue.submit("one", accepted(A, B, C), [], 100)
    queue.end([(A, "done", {}), (B, "done", {})], 100)
    queue.submit("two", accepted(B), [], 200)
    queue.count("one", A, 7)
    assert (queue.bytes("one"), queue.bytes("two")) == (7, 0)
    assert queue.forget(99) == []
    assert sorted(queue.forget(100)) == sorted([("one", A), ("one", B)])
    assert states(queue, A, B, C) == [None, "done", "queued"]
    assert queue.bytes("one") == 0
    assert queue.forget(200) == [("two", B)]
    assert queue.counts() == {"queued": 1}


def test_results_that_are_gone_are_made_again(queue: Queue) -> None:
    queue.submit("one", accepted(A), [], 100)
    queue.end([(A, "done", {"receipt": "x"})], 100)
    queue.lost(A)
    assert queue.queued() == []
    assert queue.submit("one", accepted(A), [], 100) == [A]
    assert [entry.task for entry in queue.queued()] == [A]


def test_what_was_done_before_is_told_as_done(queue: Queue) -> None:
    queue.done_before("one", A, {"receipt": "x"}, 100)
    assert queue.of("one", [A])[A].answer == {"receipt": "x"}
    assert states(queue, A) == ["done"]


def test_results_are_kept_from_when_they_are_there(queue: Queue) -> None:
    queue.submit("one", accepted(A, B), [], 100)
    queue.end([(A, "done", {})], 150)
    queue.end([(B, "failed", {})], 50)
    assert queue.forget(149) == [("one", B)]
    assert queue.forget(150) == [("one", A)]


def test_a_nonce_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    seen = Seen(path)
    seen.add(Signed("one", "nonce", 100), 50)
    seen.add(Signed("two", "nonce", 100), 50)
    with pytest.raises(Replayed):
        seen.add(Signed("one", "nonce", 100), 50)
    seen.close()
    again = Seen(path)
    with pytest.raises(Replayed):
        again.add(Signed("one", "nonce", 100), 99)
    again.add(Signed("one", "nonce", 200), 100)  # the first has expired, and its signature with it
    again.close()


def test_one_did_can_not_fill_the_memory_of_nonces(tmp_path: Path) -> None:
    seen = Seen(tmp_path / "s.sqlite", limit=3)
    for n in range(3):
        seen.add(Signed("one", str(n), 100), 50)
    with pytest.raises(Busy):
        seen.add(Signed("one", "3", 100), 50)
    seen.add(Signed("two", "0", 100), 50)
    seen.add(Signed("one", "3", 200), 100)
    seen.close()


def test_inputs_of_a_task_count_before_it_has_given_anything(queue: Queue) -> None:
    many = Accepted(A, tuple(TASKS), LIMITS)
    for _ in range(2):
        queue.submit("one", [many, *accepted(B)], [], 100)
    assert queue.bytes("one") == ROW * len(TASKS)
    queue.count("one", A, 5)
    assert queue.bytes("one") == ROW * len(TASKS)
    queue.count("one", A, 10**6)
    assert queue.bytes("one") == 10**6
    queue.leave("one", A)
    assert queue.bytes("one") == 0
