"""`decontaminate` against a plain reference, whatever the parts."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")

import codata_jobs.decontaminate as module

from codata.errors import MissingColumn, ParameterError, TaskFailed
from codata.plan.stage import Parts
from codata.table import logical_hash
from tests.driving import Driver

BASE = {"column": "text", "label": "answer", "query": "question", "words": "whitespace", "n": 4}


def some_texts(drawn: random.Random, count: int) -> list[str | None]:
    return [
        drawn.choice([None, *(" ".join(drawn.choices("abc", k=k)) for k in range(9))]) for _ in range(count)
    ]


def ngrams(text: str | None, n: int) -> set[tuple[str, ...]]:
    words = (text or "").split()
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def plainly(texts: list[Any], labels: list[Any], queries: list[Any], params: dict[str, Any]) -> list[bool]:
    n = params["n"]
    known: set[tuple[str, ...]] = set()
    for label, query in zip(labels, queries, strict=True):
        known |= ngrams(label, n)
        if params.get("query") and params.get("query_ngrams"):
            known |= ngrams(query, n)
        if params.get("query") and params.get("overlap", True):
            before, after = (query or "").split(), (label or "").split()
            for i in range(n - 1):  # as datatrove writes it
                if len(before) >= n - 1 - i and len(after) >= i + 1:
                    known.add((*before[-n + 1 + i :], *after[: i + 1]))
    return [bool(ngrams(text, n) & known) for text in texts]


def tables(texts: list[Any], labels: list[Any], queries: list[Any]) -> tuple[pa.Table, pa.Table]:
    text = pa.large_string()
    data = pa.table({"text": pa.array(texts, text), "i": range(len(texts))})
    return data, pa.table({"answer": pa.array(labels, text), "question": pa.array(queries, text)})


def run(
    params: dict[str, Any], data: pa.Table, against: pa.Table, cuts: list[int], names: list[str]
) -> list[pa.Table]:
    driver = Driver()
    given = {"data": driver.parts(data, [c for c in cuts if c <= data.num_rows])}
    given["against"] = driver.parts(against, [c for c in cuts if c <= against.num_rows])
    made = driver.outputs("decontaminate", params, names, **given)
    return [driver.table(made[name]) for name in names]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 10), max_size=4),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "question"]),
    st.integers(1, 6),
)
def test_texts_with_a_known_ngram_go(
    seed: int, cuts: list[int], overlap: bool, query_ngrams: bool, query: str | None, n: int
) -> None:
    drawn = random.Random(seed)
    texts, labels, queries = some_texts(drawn, 20), some_texts(drawn, 3), some_texts(drawn, 3)
    params = {**BASE, "overlap": overlap, "query_ngrams": query_ngrams, "query": query, "n": n}
    bad = plainly(texts, labels, queries, params)
    data, against = tables(texts, labels, queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FAN_IN", 2)
        out, dropped = run(params, data, against, cuts, ["out", "dropped"])
        (annotated,) = run({**params, "annotate": "why"}, data, against, cuts, ["out"])
    assert out["i"].to_pylist() == [i for i, b in enumerate(bad) if not b]
    assert dropped["i"].to_pylist() == [i for i, b in enumerate(bad) if b]
    assert set(dropped["reason"].to_pylist()) <= {"contaminated"}
    assert annotated["why"].to_pylist() == ["contaminated" if b else None for b in bad]


def test_nothing_is_dropped_where_rows_are_annotated() -> None:
    data, against = tables(["a b c d"], ["a b c d"], ["x"])
    out, dropped = run({**BASE, "annotate": "why"}, data, against, [], ["out", "dropped"])
    assert (out.num_rows, dropped.num_rows) == (1, 0)


def test_an_evaluation_set_without_rows_drops_nothing() -> None:
    driver = Driver()
    data, against = tables(["a b c d"], [], [])
    given = {"data": driver.parts(data), "against": Parts(driver.parts(against).schema, ())}
    assert driver.table(driver.run("decontaminate", BASE, **given))["i"].to_pylist() == [0]


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2]])
def test_an_evaluation_set_that_no_task_could_hold_is_refused_for_any_parts(
    monkeypatch: pytest.MonkeyPatch, cuts: list[int]
) -> None:
    data, against = tables(["x"], ["a b c d", "a b c d", "b c d e"], [None, None, None])
    monkeypatch.setattr(module, "MAX_INDEX", 2)
    assert run(BASE, data, against, cuts, ["out"])[0].num_rows == 1
    monkeypatch.setattr(module, "MAX_INDEX", 1)
    with pytest.raises(TaskFailed, match="more than 1 different n-grams"):
        run(BASE, data, against, cuts, ["out"])


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"column": "x"}, MissingColumn),
        ({"label": "x"}, MissingColumn),
        ({"query": "x"}, MissingColumn),
        ({"annotate": "i"}, ParameterError),
        ({"n": 0}, ParameterError),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        run({**BASE, **params}, *tables(["a"], ["b"], ["c"]), [], ["out"])


def test_the_result_is_golden() -> None:
    drawn = random.Random(9)
    data, against = tables(some_texts(drawn, 30), some_texts(drawn, 2), some_texts(drawn, 2))
    (out,) = run({**BASE, "annotate": "why"}, data, against, [], ["out"])
    assert logical_hash(out).hex() == "7f517e76e84a04d75ec4732ba2e5152b1f57b41a1274a4f178f47724071e8ef1"
