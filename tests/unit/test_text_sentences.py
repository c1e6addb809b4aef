"""Sentences against spaCy's sentencizer, on texts that were made to be hard."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

import spacy
from codata_jobs.text import characters
from codata_jobs.text.sentences import count_sentences, sentences
from codata_jobs.text.words import words
from spacy.pipeline import Sentencizer

ENGLISH: Any = spacy.blank("en")
ENGLISH.add_pipe("sentencizer")

PIECES = [
    "one",
    "Two",
    ".",
    "!",
    "?",
    "...",
    "…",
    "。",
    ")",
    '"',
    "-",
    "Mr.",
    "U.S.",
    "e.g.",
    "3.14",
    "x.Y",
    "#",
    "€",
    "—",
]
SPACES = [" ", " ", " ", "", "", "  ", "\n", " \n", "\t", "\xa0", "\u3000"]
texts = st.lists(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SPACES)), max_size=20).map(
        lambda pairs: "".join(a + b for a, b in pairs)
    )
    | st.text(st.sampled_from("aB.!?。\"') \n\t"), max_size=30)
    | st.text(max_size=30),
    max_size=6,
)


def by_spacy(text: str) -> list[str]:
    """Each sentence without the white space around it; one for a text without tokens, as datatrove has it."""
    return [sentence.text.strip() for sentence in ENGLISH(text).sents] or [""]


def made(values: list[str]) -> list[list[str]]:
    found = words(pa.array(values, pa.large_string()), "spacy-en")
    stops, firsts = sentences(found)
    assert count_sentences(found).tolist() == [b - a for a, b in pairwise(firsts)]
    spans = []
    for row in range(len(values)):
        ends = [found.rows[row], *stops[firsts[row] : firsts[row + 1]]]
        assert ends[-1] == found.rows[row + 1]
        spans.append([bytes(found.data[a:b]).decode().strip() for a, b in pairwise(ends)])
    return spans


@given(texts)
@settings(max_examples=400, deadline=None)
def test_sentences_are_spacys(values: list[str]) -> None:
    assert made(values) == [by_spacy(value) for value in values]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("One. Two", 2),
        ("One.", 1),
        ("One. ", 1),
        ("One.  ", 2),
        ("One.\n", 2),
        ('"One." (Two?) Three', 3),
        ("One . . . two", 2),
        ("It costs 3.14 at Mr. Smith's", 1),
        ("。。一", 2),
    ],
)
def test_counts(text: str, count: int) -> None:
    assert [len(made([text])[0])] == [len(by_spacy(text))] == [count]


def test_what_ends_a_sentence() -> None:
    table = characters.table()
    found = {chr(code) for code in range(0x110000) if table[code] & characters.SENTENCE_END}
    assert found == set(Sentencizer.default_punct_chars)
