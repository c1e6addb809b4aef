"""What filters drop, with reasons: annotated, or kept as an output of its own; and tables put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.cid import CID
from cid_store.errors import UsageError
from codata.errors import ParameterError
from codata.execute.context import StoreContext
from codata.jobs import build, keep_dropped
from codata.ops import check_params
from codata.plan import plan as planning
from codata.plan.plan import check_schemas, manifest
from codata.plan.seal import seal
from codata.plan.stage import dump
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.steps import find
from tests.driving import Driver

TEXTS = pa.table(
    {
        "id": pa.array(range(6)),
        "text": pa.array(["", "word", None, "some words more", "x" * 40, "two words"], pa.large_string()),
    }
)
LENGTH = {"text.length_filter": {"column": "text", "min": 4, "max": 20}}
EVEN = {"filter": {"where": "id % 2 = 0"}}


def job(*written: Any, outputs: Any = None) -> Job:
    document = {"codata": "job/1", "steps": list(written)} | ({"outputs": outputs} if outputs else {})
    return build(document, CID)


def outputs(table: pa.Table, made: Job, *cuts: int) -> Mapping[str, pa.Table]:
    """The tables that a job gives, and the schemas that were promised."""
    driver = Driver()
    parts = driver.drive(seal(driver.planner, driver.parts(table, cuts)))
    data = manifest(driver.planner, parts)
    found = driver.drive(planning.plan(made, {"data": data}, driver.planner))
    promised = check_schemas(made, {"data": parts.schema})
    tables = {}
    for name, root in found.items():
        refs = Manifest.load(driver.store, root).refs(driver.store)
        shards = [StoreContext(driver.store).table(ref.cid) for ref in refs]
        tables[name] = pa.concat_tables([promised[name].empty_table(), *shards])
    return tables


def test_a_filter_can_say_why_instead_of_dropping() -> None:
    found = Driver().rows("text.length_filter", LENGTH["text.length_filter"] | {"annotate": "why"}, TEXTS)
    assert found["id"].to_pylist() == list(range(6))
    assert found["why"].to_pylist() == ["too short", None, "null", None, "too long", None]


def test_annotations_do_not_overwrite_a_column() -> None:
    with pytest.raises(ParameterError, match="'id' already"):
        Driver().rows("filter", {"where": "true", "annotate": "id"}, TEXTS)


def test_a_filter_without_annotations_keeps_the_record_that_it_had() -> None:
    params = check_params(find("filter").params, {"where": "true"}, "filter")
    assert dump(params) == {"where": "true"}


def test_dropped_rows_are_an_output_with_step_and_reason() -> None:
    found = outputs(TEXTS, keep_dropped(job(EVEN, LENGTH)))
    assert found["output"]["id"].to_pylist() == []
    dropped = found["dropped"].select(["id", "dropped_by", "reason"]).to_pylist()
    assert [(r["id"], r["dropped_by"], r["reason"]) for r in dropped] == [
        (1, "filter", "where"),
        (3, "filter", "where"),
        (5, "filter", "where"),
        (0, "text.length_filter", "too short"),
        (2, "text.length_filter", "null"),
        (4, "text.length_filter", "too long"),
    ]


def test_nothing_runs_twice_for_what_is_dropped() -> None:
    driver = Driver()
    parts = driver.parts(TEXTS)
    data = manifest(driver.planner, replace(parts, sealed=True))
    driver.drive(planning.plan(keep_dropped(job(EVEN, LENGTH)), {"data": data}, driver.planner))
    assert [s.name for s in driver.stages if "filter" in s.name] == ["filter + text.length_filter"]


def test_columns_that_came_between_two_filters_are_null_in_rows_that_never_had_them() -> None:
    more = {"select": {"columns": {"size": "LENGTH(text)"}, "keep": True}}
    found = outputs(TEXTS, keep_dropped(job(EVEN, more, LENGTH)))["dropped"]
    assert found.column_names == ["id", "text", "dropped_by", "reason", "size"]
    assert found["size"].to_pylist() == [None, None, None, 0, None, 40]


def test_what_is_dropped_can_be_worked_on() -> None:
    lost = {"filter": {"where": "reason = 'too long'"}, "from": "kept.dropped"}
    made = job(LENGTH | {"as": "kept"}, lost | {"as": "long"}, outputs={"kept": "kept", "long": "long"})
    found = outputs(TEXTS, made)
    assert found["kept"]["id"].to_pylist() == [1, 3, 5]
    assert found["long"]["id"].to_pylist() == [4]


def test_dropped_rows_alone_can_be_what_a_job_gives() -> None:
    found = outputs(TEXTS, job(LENGTH | {"as": "kept"}, outputs={"lost": "kept.dropped"}))
    assert found["lost"]["id"].to_pylist() == [0, 2, 4]


def test_a_filter_that_annotates_drops_nothing() -> None:
    noted = {"text.length_filter": LENGTH["text.length_filter"] | {"annotate": "why"}}
    found = outputs(TEXTS, keep_dropped(job(noted)))
    assert (found["output"].num_rows, found["dropped"].num_rows) == (6, 0)


def test_a_taken_name_is_refused_before_anything_runs() -> None:
    table = TEXTS.append_column("reason", pa.nulls(6, pa.large_string()))
    with pytest.raises(ParameterError, match="'reason'"):
        check_schemas(keep_dropped(job(EVEN)), {"data": table.schema})
    assert outputs(table, job(EVEN))["output"].num_rows == 3


def test_a_taken_name_is_in_the_way_of_global_steps_only_where_dropped_rows_are_kept() -> None:
    table = TEXTS.append_column("reason", pa.nulls(6, pa.large_string()))
    unique = job({"dedup.exact": {"on": ["text"]}})
    with pytest.raises(ParameterError, match="'reason'"):
        check_schemas(keep_dropped(unique), {"data": table.schema})
    assert outputs(table, unique)["output"].column_names == table.column_names


@pytest.mark.parametrize(
    "written", [job({"text.normalize": {"column": "text"}}), keep_dropped(job(EVEN))], ids=["none", "has one"]
)
def test_a_job_that_drops_nothing_or_keeps_it_already_is_refused(written: Job) -> None:
    with pytest.raises(UsageError, match="dropped"):
        keep_dropped(written)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_what_stays_and_what_is_dropped_are_together_what_was_there(ids: list[int], cuts: list[int]) -> None:
    table = pa.table({"id": pa.array(ids, pa.int64())})
    made = keep_dropped(job({"filter": {"where": "id > 10"}}, {"filter": {"where": "id % 3 = 0"}}))
    found = outputs(table, made, *(c for c in cuts if c <= len(ids)))
    assert sorted(found["output"]["id"].to_pylist() + found["dropped"]["id"].to_pylist()) == sorted(ids)


# -- one table after another ---------------------------------------------------------------------------------


def test_tables_follow_each_other() -> None:
    driver = Driver()
    first, second = driver.parts(TEXTS, [2]), driver.parts(TEXTS.select(["text"]).slice(0, 2))
    found = driver.table(driver.run("concat", {}, data=first, **{"with": second}))
    assert found["id"].to_pylist() == [0, 1, 2, 3, 4, 5, None, None]
    assert [len(stage.tasks) for stage in driver.stages] == [1]


def test_columns_of_one_name_have_one_type() -> None:
    driver = Driver()
    other = driver.parts(pa.table({"id": ["a"]}))
    with pytest.raises(ParameterError, match="'id' holds int64 in one table"):
        driver.run("concat", {}, data=driver.parts(TEXTS), **{"with": other})


# -- sealing parts of which nobody has said where they can be cut --------------------------------------------


def test_shards_of_an_input_that_are_cut_anew_lose_no_row() -> None:
    """Parts that come as they were stored have no candidate cuts with them; those that a task made have."""
    driver = Driver()
    random = np.random.default_rng(1)
    table = pa.table({"x": [random.bytes(2000).hex() for _ in range(9000)]})
    stored = driver.drive(seal(driver.planner, driver.parts(table, [4000])))
    stored = replace(stored, parts=tuple(replace(p, cuts=None) for p in stored.parts))
    assert len(stored.parts) > 2
    limited = driver.run("limit", {"rows": 8000}, data=stored)
    sealed = driver.drive(seal(driver.planner, limited))
    assert driver.table(sealed).equals(driver.table(limited))
    again = Driver()
    fresh = again.drive(seal(again.planner, again.parts(table.slice(0, 8000), [17, 5000])))
    assert [p.cid for p in sealed.parts] == [p.cid for p in fresh.parts]
