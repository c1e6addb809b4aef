"""text.lines: each rule, what is left, and a plain reading of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from codata_jobs.text.lines import BULLETS, POLICY
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import ParameterError
from codata.table import logical_hash
from tests.driving import Driver


def rows(texts: Sequence[str | None], **params: Any) -> pa.Table:
    table = pa.table({"text": pa.array(texts, pa.large_string()), "n": range(len(texts))})
    return Driver().rows("text.lines", {"column": "text", **params}, table)


def lines(text: str, **params: Any) -> list[str]:
    """The lines that stay."""
    (left,) = rows([text], min_lines=0, **params)["text"].to_pylist()
    return left.split("\n") if left else []


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({}, ["a b", "c.", "- d", "a b"]),
        ({"strip": False}, ["a b ", "c.", "- d", "a b"]),
        ({"empty": "keep"}, ["a b", "c.", "", "- d", "a b"]),
        ({"min_chars": 3}, ["a b", "- d", "a b"]),
        ({"max_chars": 2}, ["c."]),
        ({"min_words": 2}, ["a b", "- d", "a b"]),
        ({"ends": [".", "d"]}, ["c.", "- d"]),
        ({"not_ends": ["b"]}, ["c.", "- d"]),
        ({"drop": ["bullets"]}, ["a b", "c.", "a b"]),
        ({"unique": True}, ["a b", "c.", "- d"]),
        ({"phrases": ["A B"]}, ["c.", "- d"]),
        ({"max_chars": 2, "empty": "keep"}, ["c.", ""]),
    ],
)
def test_rules(params: dict[str, Any], kept: list[str]) -> None:
    assert lines("a b \nc.\n\n- d\na b", **params) == kept


def test_kinds_of_lines() -> None:
    text = "Use JavaScript\nOur Cookie Policy\nif {\n}\nplain"
    assert lines(text, drop=["javascript", "policy", "curly_brackets"]) == ["plain"]
    assert lines(text, drop=["curly_brackets"]) == ["Use JavaScript", "Our Cookie Policy", "plain"]


def test_long_words() -> None:
    assert lines("aé bb\nccc\n" + "日本語", max_word_chars=2) == ["aé bb"]


def test_reasons() -> None:
    texts = ["a\nb", "", None, "abc\nde", "abcd\nab\nab", "abcd\nabcd"]
    made = rows(
        texts, annotate="why", min_lines=2, min_text_chars=5, min_long_lines=2, long_chars=3, unique=False
    )
    assert made["why"].to_pylist() == [
        "too few characters",
        "too few lines",
        "null",
        "too few long lines",
        "too few long lines",
        None,
    ]
    assert made["text"].to_pylist() == texts


def test_a_dropped_text_keeps_its_lines() -> None:
    made = rows([" a \n b", " a \n bcd"], annotate="why", min_text_chars=3)
    assert made["text"].to_pylist() == [" a \n b", "a\nbcd"]
    assert rows([" a \n b", " a \n bcd"], min_text_chars=3)["text"].to_pylist() == ["a\nbcd"]


def test_bounds_that_cross() -> None:
    with pytest.raises(ParameterError, match="less than min_chars"):
        rows([], min_chars=2, max_chars=1)
    with pytest.raises(ParameterError, match="ends"):
        rows([], ends=[])


def test_parts_do_not_show() -> None:
    texts = ["a\na", None, "a\n\nb", "", "b"] * 3
    whole = rows(texts, unique=True)
    parts = pa.concat_tables([rows(texts[:4], unique=True), rows(texts[4:], unique=True)])
    assert logical_hash(whole.select(["text"])) == logical_hash(parts.select(["text"]))


def plain(text: str, p: dict[str, Any]) -> str:
    """The rule, line by line."""
    kept: list[str] = []
    for line in text.split("\n"):
        line = line.strip(" \t\u3000") if p["strip"] else line
        if not line:
            kept += [line] * (p["empty"] == "keep")
            continue
        low, words = line.lower(), line.split()
        parts = ["{", "}"] * ("curly_brackets" in p["drop"]) + ["javascript"] * ("javascript" in p["drop"])
        parts += [*POLICY] * ("policy" in p["drop"]) + [x.lower() for x in p["phrases"] or []]
        bad = (
            not p["min_chars"] <= len(line) <= p["max_chars"]
            or len(words) < p["min_words"]
            or max(map(len, words), default=0) > p["max_word_chars"]
            or (p["ends"] is not None and not line.endswith(tuple(p["ends"])))
            or (p["not_ends"] is not None and line.endswith(tuple(p["not_ends"])))
            or ("bullets" in p["drop"] and line.startswith(BULLETS))
            or any(part in low for part in parts)
            or (p["unique"] and line in kept)
        )
        kept += [] if bad else [line]
    return "\n".join(kept)


PIECES = [*"ab.-{É\n\n\n\t ", "...", "JavaScript", "cookie policy", "•", "\u3000"]
ENDS = st.none() | st.lists(st.sampled_from([".", "...", "É"]), min_size=1, max_size=2)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), max_size=4),
    st.fixed_dictionaries(
        {
            "strip": st.booleans(),
            "empty": st.sampled_from(["keep", "drop"]),
            "min_chars": st.integers(0, 2),
            "max_chars": st.integers(2, 20),
            "min_words": st.integers(0, 2),
            "max_word_chars": st.integers(1, 12),
            "ends": ENDS,
            "not_ends": ENDS,
            "drop": st.lists(
                st.sampled_from(["bullets", "curly_brackets", "javascript", "policy"]), max_size=2
            ),
            "phrases": st.none() | st.just(["AB", "é"]),
            "unique": st.booleans(),
        }
    ),
)
def test_as_read_line_by_line(texts: list[str], params: dict[str, Any]) -> None:
    made = rows(texts, min_lines=0, **params)["text"].to_pylist()
    assert made == [plain(text, params) for text in texts]
