"""`dedup.sentences` against a plain reference, whatever the parts, and however narrow the exchange."""

from __future__ import annotations

import random
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")
pytest.importorskip("spacy", reason="sentences need the extra `text`")

from codata_jobs.dedup.spans import sentences

from codata.errors import MissingColumn, ParameterError
from codata.plan import exchange as ex
from codata.plan.stage import Parts
from codata.table import logical_hash
from tests.driving import Driver

BASE = {"column": "text", "n": 2, "min_words": 4, "min_sentences": 2}
SAID = ["Red wins.", "Blue lost!", "Is it green?", "We saw 3 birds.", "Nobody came."]


def some_texts(seed: int, count: int) -> list[str | None]:
    drawn = random.Random(seed)
    texts: list[str | None] = [None, ""]
    while len(texts) < count:
        said = drawn.choices(SAID, k=drawn.randrange(1, 9))
        texts.append(drawn.choice(["", " ", "\n"]) + drawn.choice([" ", "\n\n"]).join(said))
    return texts[:count]


def split(text: str) -> list[str]:
    """A sentence here is what ends in one mark."""
    return re.findall(r"\s*[^.!?]+[.!?]", text)


def plainly(texts: list[str | None]) -> tuple[dict[int, str | None], dict[int, str]]:
    """What stays, and why the others do not; for texts whose sentences `split` can tell."""
    known: set[tuple[str, ...]] = set()
    kept: dict[int, str | None] = {}
    dropped: dict[int, str] = {}
    for i, text in enumerate(texts):
        found = split(text or "")
        plain = [
            re.sub(r"[\d.!?]", lambda m: "0" if m[0].isdigit() else "", s).strip().lower() for s in found
        ]
        gone = set()
        for k in range(len(found) - 1):
            span = tuple(plain[k : k + 2])
            if not any(span):
                continue
            if span in known:
                gone |= {k, k + 1}
            known.add(span)
        left = [s for k, s in enumerate(found) if k not in gone]
        made = "".join(left).lstrip() if gone else text
        words = len(re.findall(r"\w+|[.!?]", made or ""))
        if not gone or (made and words >= 4 and len(left) >= 2):
            kept[i] = made
        else:
            dropped[i] = "nothing left" if not made else f"few {'words' if words < 4 else 'sentences'} left"
    return kept, dropped


def as_table(texts: list[str | None]) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))})


def run(
    params: dict[str, Any], table: pa.Table, cuts: list[int], small: bool
) -> tuple[dict[int, str | None], list[dict[str, Any]]]:
    driver = Driver()
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 500)
        made = driver.outputs("dedup.sentences", params, ["out", "dropped"], data=driver.parts(table, cuts))
    kept = driver.table(made["out"])
    rows = dict(zip(kept["i"].to_pylist(), kept["text"].to_pylist(), strict=True))
    return rows, driver.table(made["dropped"]).to_pylist()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 12), max_size=5), st.booleans())
def test_what_was_said_before_goes(seed: int, cuts: list[int], small: bool) -> None:
    texts = some_texts(seed, 12)
    wanted, lost = plainly(texts)
    kept, dropped = run(BASE, as_table(texts), cuts, small)
    assert kept == wanted
    assert {row["i"]: row["reason"] for row in dropped} == lost
    assert all(row["text"] == texts[row["i"]] for row in dropped)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One. Two.", ["One.", " Two."]),
        ("One. Two. ", ["One.", " Two."]),
        ("One.\n\nTwo.\n\n", ["One.", "\n\nTwo.", "\n\n"]),
        (" One", [" One"]),
        ("", [""]),
        ("One...  Two.", ["One...  Two."]),
        ("Yes?! No", ["Yes?!", " No"]),
    ],
)
def test_sentences_and_what_stands_between(text: str, wanted: list[str]) -> None:
    found = sentences(pa.array(["x.", text, "y"], pa.large_string()))
    data = found.data.tobytes()
    spans = list(zip(found.begins.tolist(), found.ends.tolist(), found.blank.tolist(), strict=True))
    own = spans[found.firsts[1] : found.firsts[2]]
    assert [data[a:b].decode() for a, b, _ in own] == wanted
    assert [blank for *_, blank in own] == [not s.strip() for s in wanted]


def test_spans_of_signs_alone_are_left() -> None:
    text = "! ?\n! ?\n! ?\n! ?"
    assert run({**BASE, "n": 1, "min_words": 0}, as_table([text, text]), [], False) == (
        {0: text, 1: text},
        [],
    )


def test_a_text_repeats_itself() -> None:
    text = "We came home. We saw him. We left again. We came home. We saw him. Then all was well."
    kept, _ = run({**BASE, "min_words": 0}, as_table([text]), [], False)
    assert kept == {0: "We came home. We saw him. We left again. Then all was well."}


def test_spans_of_old_parts_are_not_made_again() -> None:
    driver = Driver()
    old, new = driver.parts(as_table(some_texts(1, 20)), [10]), driver.parts(as_table(some_texts(2, 9)))
    made = []
    for parts in (old.parts, new.parts + old.parts):
        driver.stages.clear()
        driver.run("dedup.sentences", BASE, data=Parts(old.schema, parts))
        made.append({task.cid for task in driver.stages[0].tasks})
    assert made[0] < made[1]
    assert len(made[1]) == 3


@pytest.mark.parametrize("texts", [[], [None, ""], ["Only this. And that."]])
def test_what_repeats_nothing_stays(texts: list[str | None]) -> None:
    driver = Driver()
    parts = driver.parts(as_table(texts))
    parts = parts if texts else Parts(parts.schema, ())
    assert driver.run("dedup.sentences", BASE, data=parts).parts == parts.parts


@pytest.mark.parametrize(
    ("params", "error"),
    [({"column": "x"}, MissingColumn), ({"column": "i"}, ParameterError), ({"n": 0}, ParameterError)],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        run({**BASE, **params}, as_table(["a"]), [], False)


def test_the_result_is_golden() -> None:
    driver = Driver()
    found = driver.run("dedup.sentences", BASE, data=driver.parts(as_table(some_texts(4, 40)), [15]))
    wanted = "4981072a99f80ee22bd576ffd359627af620ce19259d5973434b223668215bc0"
    assert logical_hash(driver.table(found)).hex() == wanted
