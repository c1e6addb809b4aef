"""Gopher's quality rules: each reason, at its bound and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

from codata.errors import MissingColumn, ParameterError
from tests.driving import Driver

PROSE = (
    "the people of the village have to be with one another and that is what they do every day of the year\n"
)


def judged(values: Sequence[str | None], **params: Any) -> list[str | None]:
    table = pa.table({"text": pa.array(values, pa.large_string())})
    made = Driver().rows("text.gopher_quality", {"column": "text", "annotate": "why", **params}, table)
    assert made["text"].to_pylist() == list(values)
    found: list[str | None] = made["why"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROSE * 3, None),
        (PROSE, "gopher_short_doc"),
        ("", "gopher_short_doc"),
        ("I am " * 30, "gopher_below_avg_threshold"),
        ("interconnection " * 50, "gopher_above_avg_threshold"),
        ("# comment " * 50, "gopher_too_many_hashes"),
        ("... comment " * 50, "gopher_too_many_ellipsis"),
        ("… comment " * 50, "gopher_too_many_ellipsis"),
        (("- " + PROSE) * 10, "gopher_too_many_bullets"),
        (("  \u2022" + PROSE) * 10, "gopher_too_many_bullets"),
        (("- " + PROSE) * 9 + PROSE, None),
        ((PROSE[:-1] + "... \n") * 4 + PROSE * 6, "gopher_too_many_end_ellipsis"),
        ((PROSE[:-1] + "...\n") * 3 + PROSE * 7, None),
        ((PROSE[:-1] + "\u2026\r\n") * 4 + PROSE * 6, "gopher_too_many_end_ellipsis"),
        ("that 1234 with " * 40, "gopher_below_alpha_threshold"),
        ("comment " * 50, "gopher_enough_stop_words"),
        ("comment the " * 50, "gopher_enough_stop_words"),
        ("comment the and " * 50, None),
        (None, "null"),
    ],
)
def test_reasons(text: str | None, reason: str | None) -> None:
    assert judged([text]) == [reason]


def test_many_texts_at_once_and_apart() -> None:
    values = [PROSE * 3, None, "", "I am " * 30, PROSE]
    assert judged(values) == [judged([value])[0] for value in values]


def test_bounds_that_are_off() -> None:
    off = dict.fromkeys(
        [
            "min_doc_words",
            "max_doc_words",
            "min_avg_word_length",
            "max_avg_word_length",
            "max_symbol_word_ratio",
            "max_bullet_lines_ratio",
            "max_ellipsis_lines_ratio",
            "max_non_alpha_words_ratio",
            "min_stop_words",
        ]
    )
    values = ["", " ", "#", "- ...", "1 2 3"]
    assert judged(values, **off) == [None] * 5
    assert judged(values, **dict.fromkeys(off, 0)) == [None] * 5
    assert judged([PROSE * 3], **(off | {"max_doc_words": 65})) == ["gopher_long_doc"]
    assert judged([PROSE * 3], **(off | {"max_doc_words": 66})) == [None]


def test_nothing_to_divide_by() -> None:
    assert judged(["", "  \n"], min_doc_words=0) == ["gopher_enough_stop_words"] * 2


def test_stop_words_of_ones_own() -> None:
    values = ["der die das " * 30, "der Die das " * 30]
    assert judged(values, words="whitespace", min_stop_words=3, stop_words=["der", "die", "das", "die"]) == [
        None,
        "gopher_enough_stop_words",
    ]
    assert judged(values, min_stop_words=1, stop_words=[]) == ["gopher_enough_stop_words"] * 2


def test_kinds_of_words() -> None:
    # 30 times two words for spaCy, one between white space.
    free: dict[str, Any] = {"min_stop_words": 0, "min_avg_word_length": 0}
    assert judged(["don't " * 30], **free) == [None]
    assert judged(["don't " * 30], words="whitespace", **free) == ["gopher_short_doc"]
    assert judged(["don't " * 30], words="unicode", **free) == [None]


def test_dropped_rows_are_gone() -> None:
    table = pa.table({"text": pa.array([PROSE * 3, "no", None], pa.large_string()), "n": [1, 2, 3]})
    assert Driver().rows("text.gopher_quality", {"column": "text"}, table)["n"].to_pylist() == [1]
    assert Driver().rows("text.gopher_quality", {"column": "text"}, table.slice(0, 0)).num_rows == 0


def test_wrong_parameters() -> None:
    with pytest.raises(MissingColumn, match="'text'"):
        Driver().rows("text.gopher_quality", {"column": "text"}, pa.table({"n": [1]}))
    with pytest.raises(ParameterError, match="words"):
        judged([""], words="spacy-de")
    with pytest.raises(ParameterError, match="min_doc_words"):
        judged([""], min_doc_words=-1)
