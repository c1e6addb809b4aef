"""Runs that lie, each properly signed: verification finds every one, and says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cid_store.cid import CID
from codata.errors import FalseClaim
from codata.execute.context import StoreContext
from codata.home import Home
from codata.plan import plan as planning
from codata.plan.stage import Parts
from codata.records import pages
from codata.records.manifest import Manifest, ShardRef
from codata.records.receipt import Receipt
from codata.records.run import Run, RunRow
from codata.records.seal import Seal
from codata.records.task import Task
from codata.verify.content import check_dataset
from tests.runs import (
    Made,
    add_file,
    check,
    do,
    drop_a_row,
    lying,
    resign,
    sealed_row,
    text_rows,
    with_rows,
)


def false(home: Home, cid: CID) -> str:
    """What verification says against a run whose structure is false; fails where it finds nothing."""
    found = check(home, cid)
    assert (found.verdict, found.exit_code, found.checked) == ("false", 3, 0)
    return found.evidence


def test_an_honest_run_is_verified(made: Made) -> None:
    with made.home() as home:
        found = check(home, made.run)
        tasks = Run.load(home.store, made.run).count
    assert (found.verdict, found.exit_code) == ("verified", 0)
    assert found.checked == found.tasks == tasks > 6
    assert {v.word for v in found.verdicts} == {"identical"}


def test_an_honest_import_is_verified(made: Made) -> None:
    with made.home() as home:
        assert check(home, made.import_run).exit_code == 0


def test_a_row_that_the_executor_dropped_is_named(made: Made, tmp_path: Path) -> None:
    with Home(tmp_path / "liar") as home:
        dataset = add_file(home, made.source).dataset
        with lying("rows", drop_a_row):
            lie = do(home, made.job, {"data": dataset}).run
        found = check(home, lie)
    assert (found.verdict, found.exit_code) == ("different", 3)
    first = next(v for v in found.verdicts if v.word == "different")
    assert first.stage == "text.normalize + text.length_filter"
    assert "row 1 is {'id': 2," in first.evidence
    assert "against {'id': 1," in first.evidence


def test_a_row_that_was_dropped_at_import_is_found(made: Made, tmp_path: Path) -> None:
    with Home(tmp_path / "liar") as home:
        with lying("import/scan", drop_a_row):
            lie = add_file(home, made.source)
        assert lie.rows == 239
        found = check(home, lie.run)
    assert found.exit_code == 3
    assert [v.word for v in found.verdicts if v.stage == "import: scan parquet"] == ["different"]


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts[:-1],
        lambda parts: (*parts, parts[0]),
        lambda parts: tuple(reversed(parts)),
    ],
    ids=["a shard left out", "a shard padded in", "shards in another order"],
)
def test_a_coordinator_who_changes_the_plan_is_found(
    made: Made, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any]
) -> None:
    honest = planning.plan_rows

    def lie(planner: Any, parts: Parts, *rest: Any) -> Any:
        return honest(planner, replace(parts, parts=change(parts.parts)), *rest)

    with made.home() as home:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "plan_rows", lie)
            cid = do(home, made.job, {"data": made.dataset}).run
        assert "by the plan it is" in false(home, cid)


def test_rows_of_a_run_that_are_left_out_or_added_are_counted(made: Made) -> None:
    with made.home() as home:
        left_out = with_rows(home, made.run, lambda rows: rows[:-1])
        added = with_rows(home, made.run, lambda rows: [*rows, rows[0]])
        assert "that the run left out" in false(home, left_out)
        assert "1 tasks that the plan does not have" in false(home, added)


def test_a_shard_swapped_for_another_valid_one_is_found(made: Made) -> None:
    with made.home() as home:
        record = Run.load(home.store, made.run)
        output = Manifest.load(home.store, made.output)
        shards = list(output.refs(home.store))
        shards[1] = shards[0]
        other = Manifest.make(home.store, output.schema, shards).save(home.store)
        cid = resign(home, replace(record, outputs={"output": other}))
        assert "its receipts give" in false(home, cid)


def test_an_output_whose_receipt_overstates_it_is_found_without_running_it(made: Made) -> None:
    with made.home() as home:
        shards = list(Manifest.load(home.store, made.output).refs(home.store))

        def lie(rows: list[RunRow]) -> list[RunRow]:
            for i, row in enumerate(rows):
                receipt = Receipt.load(home.store, row.receipt)
                out = receipt.out["out"]
                if out.cid == shards[-1].cid:
                    rows[i] = sealed_row(home, replace(receipt, out={"out": replace(out, rows=out.rows + 1)}))
            return rows

        record = Run.load(home.store, with_rows(home, made.run, lie))
        output = Manifest.load(home.store, made.output)
        more = [*shards[:-1], replace(shards[-1], rows=shards[-1].rows + 1)]
        other = Manifest.make(home.store, output.schema, more).save(home.store)
        assert "holds" in false(home, resign(home, replace(record, outputs={"output": other})))


def test_a_receipt_for_another_task_is_found(made: Made) -> None:
    def swap(rows: list[RunRow]) -> list[RunRow]:
        first, second, *rest = rows
        return [replace(first, receipt=second.receipt, index=second.index, proof=second.proof), second, *rest]

    with made.home() as home:
        assert "is for task" in false(home, with_rows(home, made.run, swap))


def test_a_receipt_that_no_seal_covers_is_found(made: Made) -> None:
    with made.home() as home:

        def change(rows: list[RunRow]) -> list[RunRow]:
            receipt = Receipt.load(home.store, rows[0].receipt)
            forged = replace(receipt, cost=replace(receipt.cost, cpu_us=1)).save(home.store)
            return [replace(rows[0], receipt=forged), *rows[1:]]

        assert "is not in the seal" in false(home, with_rows(home, made.run, change))


def test_a_receipt_in_another_executors_name_is_found(made: Made, tmp_path: Path) -> None:
    with made.home() as home, Home(tmp_path / "other") as other:

        def change(rows: list[RunRow]) -> list[RunRow]:
            receipt = Receipt.load(home.store, rows[0].receipt)
            return [sealed_row(home, replace(receipt, executor=other.identity.did)), *rows[1:]]

        assert "names another executor" in false(home, with_rows(home, made.run, change))


def test_forged_signatures_are_found(made: Made) -> None:
    with made.home() as home:
        record = Run.load(home.store, made.run)
        run = replace(record, signature=bytes(64)).save(home.store)
        assert "codata/run/1 is false" in false(home, run)

        def change(rows: list[RunRow]) -> list[RunRow]:
            seal = Seal.load(home.store, rows[0].seal)
            forged = replace(seal, signature=bytes(64)).save(home.store)
            return [replace(row, seal=forged) for row in rows]

        assert "codata/seal/1 is false" in false(home, with_rows(home, made.run, change))


def test_a_signature_on_a_seal_is_none_on_a_run(made: Made) -> None:
    with made.home() as home:
        record = Run.load(home.store, made.run)
        signature = home.identity.sign("codata/seal/1", record.claim())
        assert "is false" in false(home, replace(record, signature=signature).save(home.store))


def test_a_job_changed_afterwards_is_found(made: Made) -> None:
    with made.home() as home:
        first, second = made.job.steps
        job = replace(made.job, steps=(first, replace(second, params={**second.params, "min": 5})))
        record = Run.load(home.store, made.run)
        assert "by the plan it is" in false(home, resign(home, replace(record, job=job.save(home.store))))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"column": 5},
        {"column": "absent"},
        {"column": "text", "min": "x" * 100_000},
        {str(i): i for i in range(5000)},
    ],
    ids=["none", "wrong type", "absent column", "huge", "many"],
)
def test_a_job_that_nobody_can_have_run_is_a_false_claim(made: Made, params: dict[str, Any]) -> None:
    with made.home() as home:
        first, second = made.job.steps
        job = replace(made.job, steps=(first, replace(second, params=params)))
        record = Run.load(home.store, made.run)
        says = false(home, resign(home, replace(record, job=job.save(home.store))))
        assert "make no plan" in says
        assert len(says) < 3000


def test_receipts_without_what_the_plan_goes_on_with_are_a_false_claim(made: Made) -> None:
    with made.home() as home:

        def change(rows: list[RunRow]) -> list[RunRow]:
            receipt = Receipt.load(home.store, rows[0].receipt)
            return [sealed_row(home, replace(receipt, out={"other": receipt.out["out"]})), *rows[1:]]

        assert "lacks 'out'" in false(home, with_rows(home, made.run, change))


def test_a_choice_of_cuts_that_is_no_list_of_cuts_is_a_false_claim(made: Made) -> None:
    with made.home() as home:
        junk = pages.put(home.store, [{"first": 0, "last": 10**9, "start": 0, "stop": 1}])

        def change(rows: list[RunRow]) -> list[RunRow]:
            for i, row in enumerate(rows):
                if Task.load(home.store, row.task).step == "seal/pick":
                    receipt = Receipt.load(home.store, row.receipt)
                    out = {"out": replace(receipt.out["out"], cid=junk)}
                    rows[i] = sealed_row(home, replace(receipt, out=out))
            return rows

        assert "lies outside the parts" in false(home, with_rows(home, made.run, change))


def test_an_input_whose_manifest_is_false_is_found(made: Made) -> None:
    with made.home() as home:
        manifest = Manifest.load(home.store, made.dataset)
        shards = list(manifest.refs(home.store))
        joined = [replace(shards[0], hash=bytes(32)), *shards[1:]]
        false_input = Manifest.make(home.store, manifest.schema, joined).save(home.store)
        cid = do(home, made.job, {"data": false_input}).run
        assert "hash" in false(home, cid)


def test_a_dataset_cut_elsewhere_is_found(made: Made) -> None:
    with made.home() as home:
        table = text_rows()
        context = StoreContext(home.store)
        halves = [context.put_table(t) for t in (table.slice(0, 100), table.slice(100))]
        shards = [ShardRef(o.cid, o.rows, o.size, o.hash or b"") for o in halves]
        schema = Manifest.load(home.store, made.dataset).schema
        cut = Manifest.make(home.store, schema, shards).save(home.store)
        with pytest.raises(FalseClaim, match="begin and end where"):
            check_dataset(home.store, cut)
        check_dataset(home.store, made.dataset)
