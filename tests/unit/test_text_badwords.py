"""text.badwords: datatrove's verdicts, and a draw by content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from codata_jobs.text import badwords
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import ParameterError
from codata.table import logical_hash
from tests.driving import Driver

REASON = "document_removed_with_badwords"


def rows(words: bytes, texts: Sequence[str | None], **params: Any) -> pa.Table:
    driver = Driver()
    cid = driver.store.put_file(words)
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    return driver.rows("text.badwords", {"column": "text", "words": cid, **params}, table)


def why(words: bytes, texts: Sequence[str | None], **params: Any) -> list[str | None]:
    found: list[str | None] = rows(words, texts, annotate="why", **params)["why"].to_pylist()
    return found


def test_words_stand_apart() -> None:
    texts = [
        "ham",
        "Spam!",
        "spammer",
        "a spam a",
        "_spam",
        "éspam",
        "spam\u0301",
        "x tinned meat.",
        "",
        None,
    ]
    wanted = [None, REASON, None, REASON, None, None, REASON, REASON, None, "null"]
    assert why(b"spam\ntinned meat \n\n", texts) == wanted
    assert rows(b"spam\ntinned meat\n", texts)["text"].to_pylist() == [
        t for t, w in zip(texts, wanted, strict=True) if w is None
    ]


def test_words_of_languages_without_spaces() -> None:
    assert why("悪い\n性\n".encode(), ["とても悪い言葉", "性格"], apart=False) == [REASON, None]
    assert why("性\n".encode(), ["性格"], apart=False, allow=[]) == [REASON]


def test_characters_with_a_meaning_in_patterns() -> None:
    assert why(b"a+b (c)\n^x$\n", ["say a+b (c)", "aab c", "^x$", "x"]) == [REASON, None, REASON, None]


def test_a_list_of_long_words() -> None:
    words = [f"{n:03} " + "x" * 996 for n in range(500)]
    texts = [f"a {words[-1]} b", f"a{words[0]}b", f"{words[0]}"]
    assert why("\n".join(words).encode(), texts) == [badwords.REASON, None, badwords.REASON]


def test_an_empty_list_drops_nothing() -> None:
    assert why(b"\n \n", ["a", ""]) == [None, None]


def test_a_share_stays_by_content_alone() -> None:
    texts = [f"spam {i}" for i in range(40)] + ["ham"]
    kept = rows(b"spam", texts, keep_fraction=0.25)["text"].to_pylist()
    assert kept == [*(f"spam {i}" for i in (7, 15, 24, 27, 29, 38)), "ham"]
    parts = [rows(b"spam", texts[a:b], keep_fraction="1/4") for a, b in ((0, 7), (7, 41))]
    assert logical_hash(pa.concat_tables(parts)) == logical_hash(rows(b"spam", texts, keep_fraction=0.25))
    assert rows(b"spam", texts, keep_fraction=1)["text"].to_pylist() == texts
    assert rows(b"spam", texts, keep_fraction=0.25, seed=1)["text"].to_pylist() != kept


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(b"\xff", "not UTF-8"), (b"a" * 1001, "over 1000 characters"), (b"a\n" * 2**21 + b"b", "limit")],
)
def test_files_that_are_no_lists(words: bytes, wanted: str) -> None:
    with pytest.raises(ParameterError, match=wanted):
        rows(words, ["a"])


LETTERS = "aAbéß_1 .-\n²٣\u0130"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.text(LETTERS, max_size=12), max_size=6),
    st.booleans(),
)
def test_as_python_reads_datatroves_pattern(words: list[str], texts: list[str], apart: bool) -> None:
    listed = sorted({w.strip() for word in words for w in word.split("\n")} - {""})
    either = "|".join(map(re.escape, listed))
    pattern = re.compile(rf"(?:\W|^)({either})(?:\W|$)" if apart else either)
    wanted = [bool(listed) and pattern.search(text.lower()) is not None for text in texts]
    assert badwords.matching(pl.Series(texts, dtype=pl.String), listed, apart=apart).tolist() == wanted
