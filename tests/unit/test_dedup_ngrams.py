"""`dedup.ngrams` against a plain reference, whatever the parts, and however narrow the exchange."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")

from codata.errors import MissingColumn, ParameterError
from codata.plan import exchange as ex
from codata.plan.stage import Parts
from codata.table import logical_hash
from tests.driving import Driver

BASE = {"column": "text", "words": "whitespace", "n": 3}


def some_texts(seed: int, count: int) -> list[str | None]:
    """Texts of few words, so that they share n-grams, with pieces of each other in them."""
    drawn = random.Random(seed)
    texts: list[str | None] = []
    for _ in range(count):
        words = drawn.choices("abcdef", k=drawn.randrange(12))
        if texts and drawn.random() < 0.5:
            words += (drawn.choice(texts) or "").split()
        texts.append(drawn.choice([" ".join(words)] * 9 + [None]))
    return texts


def plainly(texts: list[str | None], n: int, threshold: Fraction) -> list[int]:
    known: set[tuple[str, ...]] = set()
    kept = []
    for i, text in enumerate(texts):
        words = (text or "").split()
        found = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
        old = sum(g in known for g in found)
        if not old or old < threshold * len(found):
            kept.append(i)
        known.update(found)
    return kept


def as_table(texts: list[str | None]) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))})


def run(params: dict[str, Any], table: pa.Table, cuts: list[int], small: bool) -> tuple[list[int], list[int]]:
    driver = Driver()
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 1000)
        made = driver.outputs("dedup.ngrams", params, ["out", "dropped"], data=driver.parts(table, cuts))
    kept, dropped = driver.table(made["out"]), driver.table(made["dropped"])
    assert set(dropped["reason"].to_pylist()) <= {"ngram duplicate"}
    return kept["i"].to_pylist(), dropped["i"].to_pylist()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 30), max_size=6),
    st.sampled_from(["0", "1/2", "4/5", "1"]),
    st.booleans(),
)
def test_texts_that_are_mostly_known_go(seed: int, cuts: list[int], threshold: str, small: bool) -> None:
    texts = some_texts(seed, 30)
    wanted = plainly(texts, 3, Fraction(threshold))
    kept, dropped = run({**BASE, "threshold": threshold}, as_table(texts), cuts, small)
    assert kept == wanted
    assert dropped == [i for i in range(30) if i not in set(wanted)]


def test_repeats_within_a_text_are_not_known() -> None:
    assert run(BASE, as_table(["a a a a a a", "b b b b", "x a a a"]), [1], False) == ([0, 1, 2], [])


def test_a_dropped_text_still_counts_as_earlier() -> None:
    texts = ["a b c d e f", "a b c d e f g", "c d e f g"]
    assert run({**BASE, "threshold": 0.8}, as_table(texts), [2], False) == ([0], [1, 2])


def test_hashes_of_old_parts_are_not_made_again() -> None:
    driver = Driver()
    old, new = driver.parts(as_table(some_texts(1, 20)), [10]), driver.parts(as_table(some_texts(2, 9)))
    made = []
    for parts in (old.parts, new.parts + old.parts):
        driver.stages.clear()
        driver.run("dedup.ngrams", BASE, data=Parts(old.schema, parts))
        made.append({task.cid for task in driver.stages[0].tasks})
    assert made[0] < made[1]
    assert len(made[1]) == 3


@pytest.mark.parametrize("texts", [[], [None, ""], ["a b c d"]])
def test_what_has_nothing_in_common_stays(texts: list[str | None]) -> None:
    driver = Driver()
    parts = driver.parts(as_table(texts))
    parts = parts if texts else Parts(parts.schema, ())
    assert driver.run("dedup.ngrams", BASE, data=parts).parts == parts.parts


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"column": "x"}, MissingColumn),
        ({"column": "i"}, ParameterError),
        ({"column": "text", "threshold": 2}, ParameterError),
        ({"column": "text", "n": 0}, ParameterError),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        run(params, as_table(["a"]), [], False)


def test_the_result_is_golden() -> None:
    driver = Driver()
    parts = driver.parts(as_table(some_texts(4, 40)), [15])
    found = driver.run("dedup.ngrams", {**BASE, "threshold": 0.5}, data=parts)
    wanted = "cbc842b13278aa948699f8f499aabb65033852e86415f21472b4bbed1aed8be2"
    assert logical_hash(driver.table(found)).hex() == wanted
