"""Running: what is done is not done again, what is lost is made again, and who is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import pyarrow.parquet as pq
import pytest

from cid_store.errors import BlockNotFound
from codata import jobs, ops
from codata.carry import bring, create
from codata.collect import collect
from codata.errors import TaskFailed, UnknownStep
from codata.estimate import estimate
from codata.execute.executors import Embedded
from codata.execute.known import Cache
from codata.execute.run import run
from codata.home import Home
from codata.records.manifest import Manifest
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.task import Task
from codata.verify.structure import check_structure
from tests.runs import STEPS, Made, add_file, check, do, job_of, lying, text_rows


def test_an_unchanged_job_runs_nothing_and_is_the_same_run(made: Made) -> None:
    with made.home() as home:
        again = do(home, made.job, {"data": made.dataset})
    assert (again.run, again.executed, again.reused) == (made.run, 0, again.tasks)


def test_what_a_changed_step_does_not_reach_is_reused(made: Made) -> None:
    with made.home() as home:
        steps = [{"text.normalize": {"column": "text", "unicode": "NFC", "strip": True}, "checkpoint": True}]
        first = do(home, job_of(home, steps), {"data": made.dataset})
        job = job_of(home, [*steps, {"text.length_filter": {"column": "text", "min": 200}}])
        second = do(home, job, {"data": made.dataset})
        shards = Manifest.load(home.store, made.dataset).count
    assert second.reused >= shards
    assert first.run != second.run


def test_appending_rows_reuses_shards(made: Made, tmp_path: Path) -> None:
    more = tmp_path / "more.parquet"
    pq.write_table(text_rows(40, start=240), more)
    with made.home() as home:
        added = add_file(home, made.source, more)
        done = do(home, made.job, {"data": added.dataset})
        whole = add_file(home, _written(tmp_path / "whole.parquet", 280))
        shards = Manifest.load(home.store, added.dataset).count
    assert added.dataset == whole.dataset
    assert shards > 6
    assert 0 < done.executed < done.reused / 2


def _written(path: Path, rows: int) -> Path:
    pq.write_table(text_rows(rows), path)
    return path


def test_after_collecting_what_is_needed_is_made_again(made: Made, tmp_path: Path) -> None:
    more = _written(tmp_path / "more.parquet", 300)
    with made.home() as home:
        home.store.close()
        assert collect(home).blocks > 0
        added = add_file(home, more)
        done = do(home, made.job, {"data": added.dataset})
        assert done.executed > 0
        assert check(home, done.run).exit_code == 0


def test_lost_outputs_are_made_again_by_a_run_that_knows_everything(made: Made) -> None:
    with made.home() as home:
        shards = [s.cid for s in Manifest.load(home.store, made.output).refs(home.store)]
        home.store.delete(shards)
        again = do(home, made.job, {"data": made.dataset})
        assert (again.run, again.executed) == (made.run, 0)
        assert all(home.store.has_many(shards))


def test_lost_shards_of_an_import_are_made_again_from_its_files(made: Made) -> None:
    with made.home() as home:
        home.store.delete([s.cid for s in Manifest.load(home.store, made.dataset).refs(home.store)])
        job = job_of(home, [{"text.length_filter": {"column": "text", "min": 5}}])
        done = do(home, job, {"data": made.dataset})
        assert check(home, done.run).exit_code == 0


def test_a_filter_that_drops_nothing_is_its_own_maker_and_is_reported_lost(made: Made) -> None:
    with made.home() as home:
        steps = [{"text.length_filter": {"column": "text", "min": 1}}]
        same = do(home, job_of(home, steps), {"data": made.dataset})
        assert same.outputs["output"] == made.dataset
        run_of_import = Run.load(home.store, made.import_run)
        gone = [s.cid for s in Manifest.load(home.store, made.dataset).refs(home.store)]
        home.store.delete(gone)
        home.store.delete([row.task for row in run_of_import.entries(home.store)])
        with pytest.raises(BlockNotFound, match="nor is it known what made it"):
            do(home, made.job, {"data": made.dataset})


def test_receipts_of_a_killed_run_are_sealed_when_they_are_found(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Home(tmp_path / "killed") as home:
        dataset = add_file(home, made.source).dataset
        with monkeypatch.context() as patch:
            patch.setattr("codata.seals.make", _killed)
            with pytest.raises(KeyboardInterrupt):
                do(home, made.job, {"data": dataset})
        done = do(home, made.job, {"data": dataset})
        assert done.reused > 0
        assert check(home, done.run).exit_code == 0


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_receipts_count_from_whom_one_trusts(made: Made, tmp_path: Path) -> None:
    car = tmp_path / "run.car"
    with made.home() as theirs:
        create(theirs.store, made.run, car)
        did = theirs.identity.did
        tasks = [row.task for row in Run.load(theirs.store, made.run).entries(theirs.store)]
    with Home(tmp_path / "mine") as home:
        bring(home, car)
        assert check(home, made.run).exit_code == 0
        assert [executor for _, executor in home.ledger.receipts(tasks[0])] == [did]
        assert Cache(home).look(tasks).known == {}
        home.trust.give(did)
        assert set(Cache(home).look(tasks).known) == set(tasks)
        done = do(home, made.job, {"data": made.dataset})
        assert (done.executed, done.outputs["output"]) == (0, made.output)
        assert Run.load(home.store, done.run).coordinator == home.identity.did
        assert check(home, done.run).exit_code == 0
        home.trust.withdraw(did)
        assert do(home, made.job, {"data": made.dataset}).reused == 0


def test_false_seals_in_a_car_are_no_evidence(made: Made, tmp_path: Path) -> None:
    car = tmp_path / "run.car"
    with made.home() as theirs:
        record = replace(Run.load(theirs.store, made.run), coordinator="did:key:z6Mkfake")
        forged = record.save(theirs.store)
        create(theirs.store, forged, car)
        task = next(record.entries(theirs.store)).task
    with Home(tmp_path / "mine") as home:
        bring(home, car)
        assert home.ledger.receipts(task) == []
        assert home.ledger.runs() == []


def test_a_conflict_is_reported_and_settled_here(made: Made, tmp_path: Path) -> None:
    def lie(honest: Any, context: Any, params: Any, inputs: Any) -> Any:
        out = dict(honest(context, params, inputs))
        return {"out": replace(out["out"], size=out["out"].size + 1)}

    with made.home() as home, Home(tmp_path / "liar") as liar:
        theirs = add_file(liar, made.source)
        with lying("rows", lie):
            false = do(liar, made.job, {"data": theirs.dataset}).run
        create(liar.store, false, tmp_path / "false.car")
        bring(home, tmp_path / "false.car")
        home.trust.give(liar.identity.did)
        done = do(home, made.job, {"data": made.dataset})
    assert done.run == made.run  # what was done here stands
    assert len(done.conflicts) > 1


def test_a_failing_task_names_step_input_and_reason_and_the_rest_is_kept(made: Made) -> None:
    def fail(honest: Any, context: Any, params: Any, inputs: Any) -> Any:
        if context.table(inputs["data"][0])["id"][0].as_py() == 0:
            raise ValueError("the first shard is cursed")
        return honest(context, params, inputs)

    with made.home() as home:
        job = job_of(home, [{"text.length_filter": {"column": "text", "min": 50}}])
        with lying("rows", fail), pytest.raises(TaskFailed) as caught:
            do(home, job, {"data": made.dataset})
        shard = next(Manifest.load(home.store, made.dataset).refs(home.store)).cid
        assert f"text.length_filter: task {caught.value.cid} on {shard}: " in caught.value.message
        assert "ValueError: the first shard is cursed" in caught.value.message
        assert "the others are kept" in caught.value.message
        again = do(home, job, {"data": made.dataset})
        assert again.reused == Manifest.load(home.store, made.dataset).count - 1


def test_a_failed_task_leaves_nothing_of_what_it_had_in_memory(made: Made) -> None:
    tables: list[ref[Any]] = []

    def fail(honest: Any, context: Any, params: Any, inputs: Any) -> Any:
        table = context.table(inputs["data"][0])
        tables.append(ref(table))
        try:
            raise ValueError("the first reason")
        except ValueError as e:
            raise TaskFailed("no") from e

    with made.home() as home:
        job = job_of(home, [{"text.length_filter": {"column": "text", "min": 50}}])
        with lying("rows", fail), pytest.raises(TaskFailed) as caught:
            do(home, job, {"data": made.dataset})
        assert isinstance(caught.value.__cause__, TaskFailed)
        assert len(tables) > 1
        assert not any(table() for table in tables)


def test_outputs_in_any_order_make_one_plan(made: Made) -> None:
    steps = [{"sort": {"by": ["text"]}, "as": "b"}, {"limit": {"rows": 100}, "as": "aa"}]
    document = {"codata": "job/1", "steps": steps, "outputs": ["b", "aa"]}
    with made.home() as home:
        job = jobs.build(document, jobs.artifacts(home.store, Path()))
        done = do(home, job, {"data": made.dataset})
        assert list(done.outputs) == ["b", "aa"]
        assert len(check_structure(home.store, done.run).rows) == done.tasks


def test_an_estimate_runs_nothing_and_says_what_is_done(made: Made) -> None:
    with made.home() as home:
        before = set(home.store.cids())
        done = estimate(home, made.job, {"data": made.dataset})
        other = job_of(home, [{"text.length_filter": {"column": "text", "min": 77}}])
        fresh = estimate(home, other, {"data": made.dataset})
        assert set(home.store.cids()) == before
        shards = Manifest.load(home.store, made.dataset).count
    assert done.complete
    assert all(s.tasks == s.cached and s.bytes == 0 for s in done.stages)
    assert not fresh.complete
    first, *later = fresh.stages
    assert (first.tasks, first.most, first.cached, first.sizes) == (shards, shards, 0, "known")
    assert first.bytes > 60_000
    assert {(s.cached, s.sizes) for s in later} == {(0, "assumed")}


def test_an_operation_that_is_not_known_is_named() -> None:
    with pytest.raises(UnknownStep, match="nonsense"):
        ops.find("nonsense", 1)


def test_no_input_means_no_rows_and_one_empty_dataset(made: Made) -> None:
    with made.home() as home:
        job = job_of(home, [{"text.length_filter": {"column": "text", "min": 100_000}}])
        done = do(home, job, {"data": made.dataset})
        manifest = Manifest.load(home.store, done.outputs["output"])
        assert (manifest.rows, manifest.count) == (0, 0)
        assert check(home, done.run).exit_code == 0


def test_workers_do_not_show_in_the_output(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # worker processes cut at the real sizes; the dataset has its small shards already
    create_car = tmp_path / "data.car"
    with made.home() as home:
        create(home.store, made.dataset, create_car)
    outputs, tasks = set(), set()
    for workers in (1, 3):
        with Home(tmp_path / f"home{workers}") as home, Embedded(workers) as here:
            bring(home, create_car)
            job = job_of(home, [*STEPS, {"sort": {"by": ["text"]}}])
            done = run(home, job, {"data": made.dataset}, here)
            outputs.add(done.outputs["output"])
            tasks.add(tuple(row.task for row in Run.load(home.store, done.run).entries(home.store)))
            assert done.executed > workers
    assert len(outputs) == len(tasks) == 1


def test_a_tasks_cid_is_that_of_its_record(made: Made) -> None:
    with made.home() as home:
        row = next(Run.load(home.store, made.run).entries(home.store))
        task = Task.load(home.store, row.task)
        assert task.cid == row.task
        assert Receipt.load(home.store, row.receipt).task == row.task
