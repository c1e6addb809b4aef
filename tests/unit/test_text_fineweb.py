"""FineWeb's quality rules: each reason, at its bound and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

from codata.errors import ParameterError
from tests.driving import Driver

LINE = "a line of more than thirty characters, number"


def judged(values: Sequence[str | None], **params: Any) -> list[str | None]:
    table = pa.table({"text": pa.array(values, pa.large_string())})
    made = Driver().rows("text.fineweb", {"column": "text", "annotate": "why", **params}, table)
    found: list[str | None] = made["why"].to_pylist()
    return found


def lines(count: int, ended: int, end: str = ".") -> str:
    return "\n".join(f"{LINE} {i}{end if i < ended else ''}" for i in range(count))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lines(10, 10), None),
        (None, "null"),
        ("", "empty"),
        (" \n\t\n\u3000", "empty"),
        (lines(25, 3), None),
        (lines(26, 3), "line_punct_ratio"),
        (lines(10, 0), "line_punct_ratio"),
        (lines(10, 10, ". "), "line_punct_ratio"),
        (lines(10, 10, "。"), None),
        (f"{LINE}.\n" + "short.\n" * 3, "short_line_ratio"),
        (f"{LINE}.\n" + "this is of thirty characters..\nand so.\n", None),
        (f"{LINE}.\n{LINE}.", "char_dup_ratio"),
        (f"{LINE}.\n \n \n{LINE}!", None),
        (f"{LINE}.\n" + "\n" * 10, "list_ratio"),
    ],
)
def test_reasons(text: str | None, reason: str | None) -> None:
    assert judged([text]) == [reason]


def test_parameters() -> None:
    assert judged([lines(10, 0), lines(26, 1)], line_punct_exclude_zero=True) == [None, "line_punct_ratio"]
    assert judged([lines(9, 9, "x"), lines(9, 9)], stop_chars=["x", "é"]) == [None, "line_punct_ratio"]
    assert judged(["no.\nway?"], short_line_length=3) == [None]
    assert judged(["no.\nway?"], short_line_length=4) == ["short_line_ratio"]
    assert judged(["éé.\nway?"], short_line_length=3, short_line_thr=0.4) == ["short_line_ratio"]
    # 45 repeated characters of 135.
    text = f"{LINE}\n{LINE}\n" + "x" * 45
    assert judged([text], line_punct_thr=0, char_duplicates_ratio=0.34) == [None]
    assert judged([text], line_punct_thr=0, char_duplicates_ratio=0.33) == ["char_dup_ratio"]
    assert judged(["one two.\nthree"], short_line_thr=1, new_line_ratio=0.25) == [None]
    assert judged(["one two.\nthree"], short_line_thr=1, new_line_ratio=0.25, words="whitespace") == [
        "list_ratio"
    ]
    assert judged(["...\n!"], short_line_thr=1, words="unicode") == ["list_ratio"]


def test_many_texts_at_once() -> None:
    values = [lines(10, 10), None, lines(10, 0), f"{LINE}.\n{LINE}.", lines(10, 10)]
    assert judged(values) == [judged([value])[0] for value in values]


def test_stop_chars_are_characters() -> None:
    with pytest.raises(ParameterError, match="stop_chars"):
        judged([""], stop_chars=["..."])
