"""Gopher's repetition rules: each reason, and n-grams that only a comparison of bytes tells apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

from codata.errors import ParameterError
from tests.driving import Driver

NO_LINES: dict[str, Any] = dict.fromkeys(
    ["dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac"]
)
DISTINCT = " ".join(f"word{i}" for i in range(60))


def judged(values: Sequence[str | None], **params: Any) -> list[str | None]:
    table = pa.table({"text": pa.array(values, pa.large_string())})
    made = Driver().rows("text.gopher_repetition", {"column": "text", "annotate": "why", **params}, table)
    found: list[str | None] = made["why"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DISTINCT, None),
        ("", "empty"),
        (None, "null"),
        ("I am your father.\n" * 4, "dup_line_frac"),
        ("I am Frank, I am Frank, I am Frank", "top_2_gram"),
        ("a\n\na\n\nb", "dup_para_frac"),
        ("a\n\n\n\na", "dup_para_frac"),
        ("  \n\na\n\n  ", "dup_line_frac"),
        (f"{DISTINCT[:100]}\n\n{DISTINCT[:100]}\n\nb\n\nc", "dup_para_char_frac"),
        (f"{DISTINCT[:100]}\n{DISTINCT[:100]}\nb\nc\nd", "dup_line_char_frac"),
        (f"{DISTINCT} {DISTINCT}", "duplicated_5_n_grams"),
    ],
)
def test_reasons(text: str | None, reason: str | None) -> None:
    assert judged([text]) == [reason]


def test_the_first_of_equally_frequent_n_grams_counts() -> None:
    # Both are there twice: 6 of 21 characters each, or 22.
    bound: dict[str, Any] = {"top_n_grams": [[2, 0.5]], "dup_n_grams": [], **NO_LINES}
    assert judged(["a b : a b : longer words . longer words ,"], words="unicode", **bound) == [None]
    assert judged(["longer words . longer words : a b : a b ,"], words="unicode", **bound) == ["top_2_gram"]


def test_n_grams_are_compared_by_their_bytes() -> None:
    # "ab c" and "a bc" are different pairs of words with one spelling.
    bound: dict[str, Any] = {"words": "whitespace", **NO_LINES}
    assert judged(["ab c x a bc"], top_n_grams=[[2, 0.8]], dup_n_grams=[], **bound) == [None]
    assert judged(["ab c x a bc"], top_n_grams=[], dup_n_grams=[[2, 0.1]], **bound) == [
        "duplicated_2_n_grams"
    ]
    assert judged(["ab c x ab c"], top_n_grams=[[2, 0.7]], dup_n_grams=[], **bound) == ["top_2_gram"]


def test_rules_are_asked_in_their_order() -> None:
    text = ["x y z " * 30]
    assert judged(text, **NO_LINES) == ["top_2_gram"]
    assert judged(text, top_n_grams=[[4, 0.1], [2, 0.1]], **NO_LINES) == ["top_4_gram"]
    assert judged(text, top_n_grams=[], dup_n_grams=[[7, 0.1], [6, 0.1]], **NO_LINES) == [
        "duplicated_7_n_grams"
    ]
    assert judged(["a b"], top_n_grams=[[3, 0.0]], dup_n_grams=[[3, 0.0]], **NO_LINES) == [None]


def by_hand(text: str, n: int, kind: str) -> int:
    """What datatrove counts, written down plainly."""
    words = text.split()
    if kind == "top":
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        return max((len(gram) * count for gram, count in grams.most_common(1)), default=0)
    seen, found, i = set(), 0, 0
    while i < len(words) - n + 1:
        gram = "".join(words[i : i + n])
        found, i = (found + len(gram), i + n) if gram in seen else (found, i + 1)
        seen.add(gram)
    return found


@given(st.lists(st.text(st.sampled_from("abé \n"), max_size=60), min_size=1, max_size=4), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_counts_of_n_grams(values: list[str], n: int) -> None:
    for kind, reason in (("top", f"top_{n}_gram"), ("dup", f"duplicated_{n}_n_grams")):
        for bound in (0.2, 0.5):
            wanted = [
                "empty" if not v else reason if by_hand(v, n, kind) / len(v) > bound else None for v in values
            ]
            rules: dict[str, Any] = {"top_n_grams": [], "dup_n_grams": [], f"{kind}_n_grams": [[n, bound]]}
            assert judged(values, words="whitespace", **rules, **NO_LINES) == wanted


PIECES = ["a", "ab", "abcdefg", "bcdefg", "abcdefgh", "abcdefghi", "hi", "é" * 9, "é", "ab" * 20, "."]


@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=50), max_size=3), st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_counts_of_n_grams_longer_than_what_they_are_known_by(texts: list[list[str]], n: int) -> None:
    # Pieces that spell each other: many n-grams begin alike, or are equal in other words.
    values = [" ".join(words) for words in texts]
    for kind, reason in (("top", f"top_{n}_gram"), ("dup", f"duplicated_{n}_n_grams")):
        for bound in (0.1, 0.3):
            wanted = [reason if by_hand(v, n, kind) / len(v) > bound else None for v in values]
            rules: dict[str, Any] = {"top_n_grams": [], "dup_n_grams": [], f"{kind}_n_grams": [[n, bound]]}
            assert judged(values, words="whitespace", **rules, **NO_LINES) == wanted


def test_wrong_bounds() -> None:
    for wrong in ([0, 0.1], [65, 0.1], [2.5, 0.1], [2, -1.0], [2], [2, 0.1, 3], ["2", 0.1]):
        with pytest.raises(ParameterError, match="top_n_grams"):
            judged([""], top_n_grams=[wrong])
