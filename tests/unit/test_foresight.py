"""A run before it runs: what tasks are supposed to give, how a plan goes on from there, and its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.cid import CID, RAW
from cid_store.stores.memory import MemoryStore
from codata import steps
from codata.errors import JobError
from codata.estimate import Estimate, StageEstimate, estimate
from codata.execute.shapes import GROWTH, Shapes, frame
from codata.execute.suppose import Supposer
from codata.home import Home
from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan.plan import plan
from codata.plan.seal import even_cuts
from codata.plan.stage import Part, Parts, Planner, Stage
from codata.records import pages
from codata.records.receipt import Cost, Output, Receipt
from codata.records.task import Task
from codata.steps import GlobalStep, StepPlan
from codata.table import cutter
from tests.runs import do, job_of, text_rows
from tests.spread import STEPS, put_dataset

DROPS = [{"filter": {"where": "id % 4 = 0"}}, {"dedup.exact": {"on": ["text"]}}, {"sort": {"by": ["text"]}}]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home(tmp_path / "home") as opened:
        yield opened


def _stages(found: Estimate) -> dict[str, StageEstimate]:
    return {stage.name: stage for stage in found.stages}


def _task(name: str, params: dict[str, Any], **inputs: list[CID]) -> Task:
    return Planner(MemoryStore()).task(name, 1, params, **inputs)


def _cid(text: str) -> CID:
    return CID.make(RAW, text.encode())


# -- cuts ----------------------------------------------------------------------------------------------------

sizes = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 1 << 26)), min_size=1, max_size=12)


@given(sizes, st.sampled_from([cutter.LEAST, cutter.NORMAL]))
def test_even_cuts_cover_every_row_once(parts: list[tuple[int, int]], shard: int) -> None:
    rows = [(i, row) for i, (count, _) in enumerate(parts) for row in range(count)]
    cut: list[tuple[int, int]] = []
    for found in even_cuts(parts, shard):
        assert isinstance(found, dict)
        first, last, start, stop = (int(str(found[key])) for key in ("first", "last", "start", "stop"))
        for i in range(first, last + 1):
            begin, end = start if i == first else 0, stop if i == last else parts[i][0]
            assert 0 <= begin < end <= parts[i][0]
            cut += [(i, row) for row in range(begin, end)]
    assert cut == rows


def test_even_cuts_are_as_many_as_bytes_ask_for() -> None:
    assert len(even_cuts([(1000, 64 << 20), (1000, 64 << 20)], 16 << 20)) == 8
    assert len(even_cuts([(10, 1), (10, 1)], 16 << 20)) == 1


# -- what one task gives -------------------------------------------------------------------------------------


def _supposer(shapes: Shapes | None) -> Supposer:
    return Supposer(MemoryStore(), {_cid("part"): 10_000 + frame(0)}.__getitem__, shapes, cutter.NORMAL)


def test_what_was_never_seen_is_assumed_to_keep_every_row() -> None:
    supposer = _supposer(Shapes())
    supposer.learn(_cid("part"), 100)
    task = _task("rows", {"steps": []}, data=[_cid("part")])
    out = supposer.receipt(task.cid, task).out
    assert (out["out"].rows, out["out"].size) == (100, 10_000)
    assert out["dropped.0"].rows == 0
    assert supposer.mass(out["out"].cid).basis == 2
    assert supposer.maker(out["out"].cid) == task.cid
    assert not supposer.named(out["out"].cid)
    assert supposer.basis(task) == 0
    assert _supposer(None).maker(_cid("part")) is None


def test_at_most_every_row_is_dropped_too() -> None:
    supposer = _supposer(None)
    supposer.learn(_cid("part"), 100)
    task = _task("rows", {"steps": []}, data=[_cid("part")])
    out = supposer.receipt(task.cid, task).out
    assert out["out"].rows == out["dropped.0"].rows == 100


def _receipt(task: Task, read: int, written: int, **out: Output) -> Receipt:
    return Receipt(task.cid, out, task.cid, "did:key:z", Cost(1, 1, read, written))


def test_what_was_seen_goes_for_tasks_of_the_same_steps() -> None:
    shapes = Shapes()
    short = {"step": "text.length_filter", "version": 1, "params": {"column": "text", "min": 9}}
    task = _task("rows", {"steps": [short]}, data=[_cid("other")])
    shapes.add(task, _receipt(task, 4000 + frame(0), 1000, out=Output(_cid("x"), bytes(32), 10, 1000)))
    supposer = _supposer(shapes)
    supposer.learn(_cid("part"), 100)
    same = _task("rows", {"steps": [short | {"params": {"column": "text", "min": 3}}]}, data=[_cid("part")])
    found = supposer.receipt(same.cid, same).out["out"]
    assert (found.rows, found.size) == (25, 2500)
    assert supposer.mass(found.cid).basis == 1
    assert shapes.seen(_task("rows", {"steps": []}, data=[]), "out") is None


def test_receipts_that_claim_anything_are_bounded() -> None:
    shapes = Shapes()
    task = _task("rows", {"steps": []}, data=[_cid("other")])
    huge = Output(_cid("x"), bytes(32), 1 << 62, 1 << 62)
    shapes.add(task, _receipt(task, 1 + frame(0), 1 << 62, out=huge))
    assert shapes.seen(task, "out") == (GROWTH, GROWTH)
    supposer = _supposer(Shapes())
    supposer.take(task.cid, task, _receipt(task, 1, 1 << 62, out=huge), believed=False)
    assert supposer.mass(huge.cid).size < 1 << 51


def test_of_a_partition_file_one_batch_is_read() -> None:
    supposer = _supposer(Shapes())
    supposer.learn(_cid("part"), 100)
    split = {"buckets": 4, "stride": 1}
    asked = _task("dedup.exact/keys", {"on": None, "partitions": 4, "split": split}, data=[_cid("part")])
    keys = supposer.receipt(asked.cid, asked).out["out"]
    assert supposer.mass(keys.cid).size == 100 * 32 + frame(4)
    later = _task(
        "dedup.exact/later",
        {"batch": 0, "span": 1, "split": {"buckets": 1, "stride": 1}},
        files=[keys.cid],
    )
    assert supposer.receipt(later.cid, later).out["out"].rows == 25


def test_of_a_long_list_its_beginning_tells_what_a_task_was_dealt(home: Home) -> None:
    files = 5000
    listed = pages.put(home.store, (_cid(str(i)) for i in range(files)))
    task = Task("sort/merge", 1, {}, {}, {"data": listed})
    read = files * frame(0) + 1000
    receipt = _receipt(task, read, 500, out=Output(_cid("made"), bytes(32), 10, 500))
    cid = task.save(home.store)
    home.ledger.record(cid, receipt.save(home.store), receipt.executor, [_cid("made")])
    first, *others = pages.cids(home.store, listed)
    home.store.delete(others[1:])
    assert len(others) > 2
    assert first == listed
    assert Shapes.of(home).seen(task, "out") == (10 / 1000, 500 / 1000)


# -- a whole run ---------------------------------------------------------------------------------------------


def test_every_stage_of_a_run_is_foreseen(home: Home) -> None:
    dataset, _ = put_dataset(home.store, pa.concat_tables([text_rows(200)] * 2), 5)
    job = job_of(home, DROPS)
    before = set(home.store.cids())
    found = estimate(home, job, {"data": dataset})
    assert set(home.store.cids()) == before
    assert found.ends is None
    came = _run(home, job, {"data": dataset})
    assert [s.name for s in found.stages] == [name for name, _ in came]
    assert "dedup.exact: drop" in dict(came)
    assert [s.sizes for s in found.stages] == ["known"] + ["assumed"] * (len(came) - 1)
    for stage, (_, tasks) in zip(found.stages, came, strict=True):
        assert stage.most is not None
        assert max(stage.tasks, tasks) <= stage.most


def _run(home: Home, job: Any, inputs: dict[str, CID]) -> list[tuple[str, int]]:
    """The stages that the job really has, with their tasks, by running it."""
    from codata.execute.executors import Embedded
    from codata.execute.progress import Quiet
    from codata.execute.run import run

    came: list[tuple[str, int]] = []

    class Names(Quiet):
        def stage(self, name: str, tasks: int, reused: int) -> None:
            came.append((name, tasks))

    with Embedded(1) as here:
        run(home, job, inputs, here, Names())
    return came


def test_what_was_done_before_makes_the_next_estimate_better(home: Home) -> None:
    first, _ = put_dataset(home.store, text_rows(400), 5)
    second, _ = put_dataset(home.store, text_rows(400, start=1000), 5)
    job = job_of(home, DROPS)
    blind = _stages(estimate(home, job, {"data": second}))["dedup.exact: keys"]
    do(home, job, {"data": first})
    seen = _stages(estimate(home, job, {"data": second}))["dedup.exact: keys"]
    do(home, job_of(home, DROPS[:1]), {"data": second})
    exact = _stages(estimate(home, job, {"data": second}))["dedup.exact: keys"]
    assert (blind.sizes, seen.sizes, exact.sizes) == ("assumed", "seen", "known")
    assert abs(seen.bytes - exact.bytes) < exact.bytes / 5 < abs(blind.bytes - exact.bytes)


def test_a_stage_that_may_not_come_has_a_bound(home: Home) -> None:
    """No duplicates were seen, so that none are expected: yet every part might have some."""
    first, _ = put_dataset(home.store, text_rows(400), 5)
    second, _ = put_dataset(home.store, text_rows(400, start=1000), 5)
    job = job_of(home, STEPS)
    do(home, job, {"data": first})
    drop = _stages(estimate(home, job, {"data": second}))["dedup.exact: drop"]
    assert drop.most == 5


def test_all_done_means_no_bytes(home: Home) -> None:
    dataset, _ = put_dataset(home.store, text_rows(400), 5)
    do(home, job_of(home, DROPS), {"data": dataset})
    found = estimate(home, job_of(home, DROPS), {"data": dataset})
    assert found.complete
    assert sum(s.bytes for s in found.stages) == 0
    assert all(s.tasks == s.cached == s.most for s in found.stages)


class NoParams(Params):
    """No parameters."""


@op("test/ask", version=1, params=NoParams, gives=lambda params, taken: Bulk(taken.rows / 2, 8))
def ask(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """Something that the plan reads."""
    return {"out": ctx.put_table(pa.table({"id": [1]})), "more": ctx.put_node({"rounds": 1})}


class Curious(GlobalStep):
    """Goes on as a node says."""

    name = "test.curious"
    version = 1
    params = NoParams

    def schema(self, params: Any, schemas: Any) -> Any:
        """The input's."""
        return {"out": schemas["data"]}

    def plan(self, params: Any, inputs: Any, planner: Planner, wanted: frozenset[str]) -> StepPlan:
        """As many rounds as a node says."""
        data: Parts = inputs["data"]
        task = planner.task("test/ask", 1, NoParams(), data=[p.cid for p in data.parts])
        (receipt,) = yield Stage("ask", (task,))
        planner.node(receipt.out["more"].cid)
        return {"out": Parts(data.schema, (Part.of(receipt.out["out"]),))}


def test_a_stage_that_depends_on_what_a_node_says_ends_the_foresight(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(steps._STEPS, Curious.name, Curious())
    dataset, _ = put_dataset(home.store, text_rows(400), 5)
    found = estimate(home, job_of(home, [{"test.curious": {}}]), {"data": dataset})
    assert [s.name for s in found.stages] == ["ask"]
    assert found.ends == "how it goes on after 'ask' depends on what that stage gives"
    assert not found.complete


def test_a_plan_that_fails_before_anything_is_supposed_fails(home: Home) -> None:
    job = job_of(home, DROPS)
    with pytest.raises(JobError):
        next(plan(job, {}, Planner(home.store)))
    with pytest.raises(JobError):
        estimate(home, job, {})
