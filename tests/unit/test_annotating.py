"""Global steps that write reasons instead of dropping rows: beside those that they would have dropped."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.cid import CID
from cid_store.stores.memory import MemoryStore
from codata import steps
from codata.errors import ParameterError
from codata.jobs import build
from codata.plan import exchange as ex
from codata.plan.stage import Planner
from tests.driving import Driver

WORDS = {"column": "text", "words": "whitespace"}
TEXT = [
    ("dedup.minhash", {**WORDS, "n": 2, "bands": 40, "rows": 2}),
    ("dedup.minhash", {**WORDS, "n": 2, "bands": 40, "rows": 2, "verify": "0.5"}),
    ("dedup.ngrams", {**WORDS, "n": 2, "threshold": "1/2"}),
    ("decontaminate", {**WORDS, "n": 2, "label": "text"}),
    *([("dedup.sentences", {"column": "text", "n": 1, "min_words": 3})] if find_spec("spacy") else []),
]
STEPS = [("dedup.exact", {"on": ["text"]}), *(TEXT if find_spec("numba") else [])]
"""Those of which kernels and words are here."""


def some_rows(seed: int, count: int) -> pa.Table:
    """Texts of a few sentences, of which many stand in several."""
    drawn = random.Random(seed)
    said = [" ".join(drawn.choices("abcdefgh", k=3)) + "." for _ in range(8)]
    lengths = drawn.choices([None, 0, 1, 2, 3, 3, 4], k=count)
    texts = [None if k is None else " ".join(drawn.choices(said, k=k)) for k in lengths]
    return pa.table({"text": pa.array(texts, pa.large_string()), "i": range(count)})


@contextmanager
def narrow(on: bool) -> Iterator[None]:
    """Exchanges of several levels and partitions on a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        if on:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 500)
        yield


def outputs(
    name: str, params: dict[str, Any], *names: str, cuts: list[int], table: pa.Table
) -> list[pa.Table]:
    driver = Driver()
    inputs = {"data": driver.parts(table, [c for c in cuts if c <= table.num_rows])}
    if name == "decontaminate":
        inputs["against"] = driver.parts(table.slice(0, 3))
    made = driver.outputs(name, params, names, **inputs)
    return [driver.table(made[name]) for name in names]


@pytest.mark.parametrize(("name", "params"), STEPS)
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 24), max_size=5), st.booleans())
def test_what_has_no_reason_is_what_stays(
    name: str, params: dict[str, Any], seed: int, cuts: list[int], small: bool
) -> None:
    table = some_rows(seed, 24)
    with narrow(small):
        kept, dropped = outputs(name, params, "out", "dropped", cuts=cuts, table=table)
        found, none = outputs(name, {**params, "annotate": "why"}, "out", "dropped", cuts=cuts, table=table)
    assert found["i"].to_pylist() == table["i"].to_pylist()
    assert found.filter(pc.is_null(found["why"])).drop_columns(["why"]).equals(kept)
    lost = found.filter(pc.is_valid(found["why"]))
    assert lost.drop_columns(["why"]).equals(dropped.drop_columns(["dropped_by", "reason"]))
    assert lost["why"].to_pylist() == dropped["reason"].to_pylist()
    assert none.num_rows == 0


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_reasons_do_not_depend_on_parts(name: str, params: dict[str, Any]) -> None:
    table, asked = some_rows(7, 40), {**params, "annotate": "why"}
    (whole,) = outputs(name, asked, "out", cuts=[], table=table)
    (cut,) = outputs(name, asked, "out", cuts=[0, 5, 5, 17, 40], table=table)
    assert 0 < whole["why"].null_count < 40
    assert cut.equals(whole)


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_what_loses_nothing_gets_the_column_too(name: str, params: dict[str, Any]) -> None:
    table = pa.table({"text": pa.array([None, "x", ""], pa.large_string()), "i": range(3)})
    for cuts in ([], [1]):
        (found,) = outputs(name, {**params, "annotate": "why"}, "out", cuts=cuts, table=table)
        assert found["why"].to_pylist() == [None] * 3


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_no_rows_give_no_rows(name: str, params: dict[str, Any]) -> None:
    (found,) = outputs(name, {**params, "annotate": "why"}, "out", cuts=[], table=some_rows(1, 3).slice(0, 0))
    assert (found.num_rows, found.column_names) == (0, ["text", "i", "why"])


@pytest.mark.parametrize(("name", "params"), STEPS)
def test_a_column_is_not_overwritten(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"{name}: there is a column 'i' already"):
        outputs(name, {**params, "annotate": "i"}, "out", cuts=[], table=some_rows(1, 3))


@pytest.mark.skipif(not find_spec("numba"), reason="kernels need the extra `text`")
def test_clusters_are_listed_beside_reasons() -> None:
    table = some_rows(3, 30)
    params = {**WORDS, "n": 2, "annotate": "why"}
    found, listed = outputs("dedup.minhash", params, "out", "clusters", cuts=[11], table=table)
    later = {row["row"] for row in listed.to_pylist() if row["row"] != row["cluster"]}
    assert later == {i for i, why in enumerate(found["why"].to_pylist()) if why}


def test_a_part_that_loses_nothing_is_annotated_as_if_it_were_alone() -> None:
    """So that its task is done already when other parts come."""
    driver = Driver()
    table = pa.table({"text": ["a", "b", "a", "c"]})
    for cuts in ([2], [1, 2]):
        driver.run("dedup.exact", {"annotate": "why"}, data=driver.parts(table.slice(0, max(cuts) + 1), cuts))
    last = [stage for stage in driver.stages if stage.name == "dedup.exact: drop"]
    assert len(last) == 2
    alone = Driver()
    alone.run("dedup.exact", {"annotate": "why"}, data=alone.parts(table.slice(0, 2)))
    assert alone.stages[-1].tasks[0].cid == last[0].tasks[0].cid


def test_every_step_that_drops_can_annotate() -> None:
    dropping = [step for step in steps.every() if "dropped" in step.outputs]
    assert {step.name for step in dropping} >= {name for name, _ in STEPS}
    assert [step.name for step in dropping if not issubclass(step.params, steps.FilterParams)] == []


# -- records that are out keep their names ---------------------------------------------------------


@pytest.mark.skipif(not find_spec("numba"), reason="kernels need the extra `text`")
def test_a_job_without_annotations_keeps_its_cid() -> None:
    job = build(
        {
            "codata": "job/1",
            "inputs": ["data", "other"],
            "steps": [
                {"dedup.exact": {"on": ["text"]}},
                {"dedup.minhash": {"column": "text"}},
                {"dedup.sentences": {"column": "text"}},
                {"dedup.ngrams": {"column": "text"}},
                {"decontaminate": {"column": "text", "label": "text", "against": "other"}},
            ],
        },
        CID,
    )
    assert str(job.save(MemoryStore())) == "bafyreieflhd3kh3lptjdzswadpzazwjh6ylvispe42idxp2xonfh73s4zy"


JUDGING = {"column": "text", "words": "whitespace", "n": 12, "step": "s", "dropped": False}
REWRITING = {"column": "text", "n": 3, "min_words": 50, "min_sentences": 3, "step": "s", "dropped": False}


@pytest.mark.parametrize(
    ("name", "params", "second", "wanted"),
    [
        (
            "dedup/drop",
            {"step": "s", "reason": "r", "dropped": True},
            "rows",
            "bafyreiemvqsfemut6kfz7rzwb57attwyldk75z4qnmo4e7iulrhkvz73ai",
        ),
        (
            "dedup.sentences/rewrite",
            REWRITING,
            "spans",
            "bafyreicvk5xsfbulv3hn7fw3zq7qzjx5ak6rtiqqxcle6akjegpmyhnpqi",
        ),
        (
            "decontaminate/judge",
            {**JUDGING, "annotate": None},
            "index",
            "bafyreidlfrmlyebd7vi3zfjcmhffawcguxh2yna4rdhotjluk2dg26oxqm",
        ),
        (
            "decontaminate/judge",
            {**JUDGING, "annotate": "why"},
            "index",
            "bafyreifu4kxudidjdnoay2zn3doarjreixtzgple3wrtic6sjjjzq56qiy",
        ),
    ],
)
def test_a_task_without_annotations_keeps_its_cid(
    name: str, params: dict[str, Any], second: str, wanted: str
) -> None:
    store = MemoryStore()
    planner = Planner(store, lambda engine: "0")
    task = planner.task(name, 1, params, data=[store.put(b"a")], **{second: [store.put(b"b")]})
    assert str(task.cid) == wanted
