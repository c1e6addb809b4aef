"""Workers that start before the first task is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cid_store.cid import CID
from codata.execute.ahead import expect
from codata.execute.executors import Embedded, Executor, Report
from codata.execute.run import run
from codata.home import Home
from codata.records.run import Run
from tests.runs import STEPS, Made, add_file, do, job_of, make_run


class Told(Executor):
    """Remembers what it is told to expect."""

    def __init__(self) -> None:
        self.tasks: list[int] = []

    def expect(self, tasks: int) -> None:
        self.tasks.append(tasks)

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        raise AssertionError("nothing runs")

    def close(self) -> None:
        pass


@pytest.fixture
def made(tmp_path: Path, small_shards: None) -> Made:
    """A home with a run over several small shards."""
    return make_run(tmp_path / "home")


def test_a_task_for_each_shard_is_expected_where_no_run_took_the_dataset(made: Made, tmp_path: Path) -> None:
    told = Told()
    with Home(tmp_path / "fresh") as home:
        added = add_file(home, made.source)
        expect(home, added.dataset, told)
        assert told.tasks == [added.shards]
        assert added.shards > 1
        do(home, job_of(home, STEPS), {"data": added.dataset})
        expect(home, added.dataset, told)
        assert told.tasks == [added.shards]


def test_nothing_is_expected_of_what_is_no_dataset(made: Made) -> None:
    told = Told()
    with made.home() as home:
        expect(home, made.run, told)
    assert told.tasks == []


def test_a_run_whose_record_is_gone_is_passed_over(made: Made) -> None:
    told = Told()
    with made.home() as home:
        for cid in home.ledger.runs():
            if made.dataset in Run.load(home.store, cid).inputs.values():
                home.store.delete([cid])
        expect(home, made.dataset, told)
    assert len(told.tasks) == 1


@pytest.mark.parametrize(("workers", "tasks"), [(1, 9), (2, 1), (2, 0)])
def test_no_worker_is_started_for_what_this_process_does_itself(workers: int, tasks: int) -> None:
    with Embedded(workers) as here:
        here.expect(tasks)
        assert not here.started


def test_workers_that_started_early_do_the_work(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # worker processes cut at the real sizes
    with made.home() as home, Embedded(2) as here:
        here.expect(2)
        assert here.started
        here.expect(2)
        done = run(home, job_of(home, [{"sort": {"by": ["text"]}}]), {"data": made.dataset}, here)
        assert done.executed > 2
    assert not here.started
