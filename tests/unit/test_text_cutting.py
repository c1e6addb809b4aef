"""The kernel that cuts words by spaCy's rules, beside spaCy: where it answers at all, it answers the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

import spacy
from codata_jobs.text import affixes, lexicon
from codata_jobs.text.words import words
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.ops import engine_version

ENGLISH: Any = spacy.blank("en").tokenizer

SIGNS = ["a", "Z", "0", *".,:/-+'$%^~*(=", "…", "—", "\u2019", "é", "°", "м", "中", "²", "\u0301"]
"""One of each kind that rules tell apart, or nearly."""

chunks = st.text(st.sampled_from([*SIGNS, *'akmKMsSUCAF9<>#_;&!?[)"`„»\u2013µ€']), min_size=1, max_size=12)
labels = st.text(st.sampled_from("aZ0_-é"), max_size=4) | st.sampled_from(["a" * 63, "a" * 64, "0" * 65])
addresses = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "http://", "a://", "://", "x+1.-://", "(", "a:b", "é://", '"']),
        st.sampled_from(["", "", "", "a@", "a:b@", "@"]),
        st.lists(labels | st.sampled_from(["com", "org", "10", "255"]), min_size=1, max_size=5).map(".".join),
        st.sampled_from(["", ":80", ":8", ":123456", ":٣٤", ".", ","]),
        st.sampled_from(["", "/", "/a-b", "?a=b", "#a/b", "-a", "=a", ")", "/a,b.C", "…", "/x:"]),
    ),
)


def made(values: list[str]) -> list[list[str]]:
    return words(pa.array(values, pa.large_string()), "spacy-en").lists()


def by_spacy(text: str) -> list[str]:
    return [token.text for token in ENGLISH(text) if token.text.strip()]


def differing(values: list[str]) -> list[str]:
    found = zip(values, made(values), strict=True)
    return [value for value, mine in found if mine != by_spacy(value)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many units spaCy was asked for, by a lexicon that knows nothing but special cases."""
    found: list[int] = []
    ask = lexicon.Lexicon._ask

    def counted(self: lexicon.Lexicon, numbers: Any) -> Any:
        found.append(len(numbers))
        return ask(self, numbers)

    lexicon._current.clear()
    lexicon.spacy_words(*(_nothing()))
    monkeypatch.setattr(lexicon.Lexicon, "_ask", counted)
    yield found
    lexicon._current.clear()


def _nothing() -> tuple[Any, Any]:
    from codata_jobs.text.words import buffers

    return buffers(pa.array([], pa.large_string()))


def test_the_rules_are_those_that_the_kernel_was_written_for() -> None:
    # Another spaCy may have others: read them, change `kernels.affixes`, and then this digest.
    assert affixes.digest(ENGLISH) == affixes.RULES
    assert engine_version("spacy").startswith(affixes.SPACY + ".")


@pytest.mark.parametrize(("known", "other"), [("RULES", "others"), ("SPACY", "3.7")])
def test_under_another_spacy_or_other_rules_it_is_asked_for_everything(
    asked: list[int], monkeypatch: pytest.MonkeyPatch, known: str, other: str
) -> None:
    monkeypatch.setattr(affixes, known, other)
    lexicon._current.clear()
    assert made(["so it goes, don't it?"]) == [["so", "it", "goes", ",", "do", "n't", "it", "?"]]
    assert sum(asked) == len(ENGLISH_SPECIAL) + len(["so", "it", "goes,", "it?"])


ENGLISH_SPECIAL = [rule for rule in ENGLISH.rules if not any(map(str.isspace, rule))]


def test_spacy_is_hardly_ever_asked(asked: list[int]) -> None:
    value = (
        "(He said: “Go on—or 3.5% off, 5km—to the compiler's src/main.py; don't you know?” Mr. x_y() [1]"
        " https://example.org/a-b?c=d."
    )
    assert made([value]) == [by_spacy(value)]
    assert asked == [1]  # for `5km` with a dash behind it
    assert made(["returning): 5µm x@y.org/a-b 10.0.0.1/a-b"])
    assert asked == [1, 4]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_row_of_signs(size: int) -> None:
    assert differing(["".join(signs) for signs in product(SIGNS, repeat=size)]) == []


@pytest.mark.parametrize("around", ["{}a", "a{}", "a{}a", "A{}.", "0{}0", "a.{}", "{}.A", "'{}s", "{}{}"])
def test_every_character_in_its_place(around: str) -> None:
    codes: Iterable[int] = (*range(0x2100), *range(0x2100, 0x30000, 23))
    kept = [c for c in map(chr, codes) if not c.isspace() and unicodedata.category(c) != "Cs"]
    assert differing([around.replace("{}", c) for c in kept]) == []


def test_a_null_character_does_not_end_a_measure() -> None:
    assert differing(["5m\0", "9dm\0\0", "5T\0.", "(5C$\0)"]) == []


@given(st.lists(chunks, max_size=30))
@settings(max_examples=300, deadline=None)
def test_chunks(values: list[str]) -> None:
    assert differing(values) == []


@given(st.lists(addresses, max_size=30))
@settings(max_examples=300, deadline=None)
def test_addresses(values: list[str]) -> None:
    assert differing(values) == []


@given(st.lists(st.tuples(st.sampled_from(ENGLISH_SPECIAL), chunks, chunks), max_size=30))
@settings(max_examples=300, deadline=None)
def test_special_cases_inside_chunks(parts: list[tuple[str, str, str]]) -> None:
    values = [text for case, a, b in parts for text in (a + case, case + b, a + case + b, f"{a} {case} {b}")]
    assert differing(values) == []
