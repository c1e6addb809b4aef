"""Words against the libraries whose words they are, on texts that were made to be hard."""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

import spacy
from codata_jobs.kernels import interning
from codata_jobs.kernels.octets import hash_words
from codata_jobs.text import characters, lexicon
from codata_jobs.text.words import WordsKind, engines, word_counts, words
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.ops import engine_version

ENGLISH: Any = spacy.blank("en").tokenizer
RULES = sorted(ENGLISH.rules)

# What spaCy treats specially, whole and in pieces: where its rules meet, words may come out differently.
PIECES = [
    *RULES,
    *{token.text for rule in RULES for token in ENGLISH(rule)},
    *[
        "don't",
        "U.S.",
        "e.g.",
        ":-)",
        "http://a.b/c?d=e",
        "x@y.org",
        "www.example.com.",
        "10km",
        "3.5%",
        "$5.00",
    ],
    *[
        "IS_ALPHA",
        "ORTH",
        "...",
        "…",
        "--",
        "a-b",
        "and/or",
        "1,000",
        "🙂",
        "👩‍👩‍👧",
        "中文。",
        "नमस्ते।",
        "été,",
        "№5",
    ],
    *["\u0301", "\ufeff", "\x00", "\u200d", "ﬃ", "İ", "ǅ"],
]
SPACES = [" ", " ", " ", " ", "", "", "  ", "\n", "\t", "\r\n", "\xa0", "\u3000", "\x1c", "\u2028"]

hard = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SPACES)), max_size=30).map(
    lambda pairs: "".join(a + b for a, b in pairs)
)
marks = st.text(st.sampled_from("()[]<>:;'\"\u2019\u2018.,-_*=/|\\ 83DOPox°CF\n"), max_size=40)
texts = st.lists(st.one_of(hard, marks, st.text(max_size=40)), max_size=8)


def made(values: list[str], kind: WordsKind) -> list[list[str]]:
    return words(pa.array(values, pa.large_string()), kind).lists()


def by_spacy(text: str) -> list[str]:
    return [token.text for token in ENGLISH(text) if token.text.strip()]


@given(texts)
@settings(max_examples=400, deadline=None)
def test_words_are_spacys(values: list[str]) -> None:
    assert made(values, "spacy-en") == [by_spacy(value) for value in values]


@pytest.mark.parametrize("left", RULES[:: len(RULES) // 40])
def test_special_cases_side_by_side(left: str) -> None:
    values = [f"{left} {right} {left}{right}" for right in RULES]
    assert made(values, "spacy-en") == [by_spacy(value) for value in values]


def test_a_special_case_over_a_space_takes_the_place_of_one_inside() -> None:
    # `:((` is longer than the `:(` inside the first chunk: it is found over the space, and changes nothing.
    values = ["x:( (", ":) :)<space>", "=)): (=", "(-;:'( =(°K."]
    wanted = [by_spacy(value) for value in values]
    assert wanted[0] == ["x", ":", "(", "("]
    assert by_spacy("x:(") == ["x", ":("]
    assert made(values, "spacy-en") == wanted


def test_letters_alone_are_one_word() -> None:
    # What `kernels.cutting` takes for granted of spaCy's rules, for every letter there is.
    letters = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)).startswith("L")]
    values = ["".join(letters[i : i + 40]) for i in range(0, len(letters), 40)]
    values += [c + c for c in letters[:: len(letters) // 20_000]]
    specials = set(RULES)
    assert [v for v in values if v not in specials and by_spacy(v) != [v]] == []


@pytest.mark.parametrize("mark", ",;:!?).")
def test_one_mark_after_letters(mark: str) -> None:
    letters = [chr(c) for c in range(0x30000) if unicodedata.category(chr(c)).startswith("L")]
    values = [f"q{a}{mark}" for a in letters]
    found = zip(values, made(values, "spacy-en"), strict=True)
    assert [value for value, words in found if words != by_spacy(value)] == []


def test_long_chunks_are_cut() -> None:
    long = "x" * (lexicon.LONGEST + 10)
    assert made([f"a {long} b"], "spacy-en") == [["a", "x" * lexicon.LONGEST, "x" * 10, "b"]]
    assert made(["é" * lexicon.LONGEST], "spacy-en") == [["é" * lexicon.LONGEST]]


def test_a_lexicon_that_grew_too_large_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_UNITS", 1)
    values = ["so it goes, don't it?", "Mr. O'Neill's :-)"]
    assert made(values, "spacy-en") == made(values, "spacy-en") == [by_spacy(value) for value in values]


def test_a_lexicon_that_failed_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    made(["a lexicon that is there already"], "spacy-en")
    with monkeypatch.context() as failing:
        failing.setattr(lexicon.Lexicon, "_ask", fail)
        with pytest.raises(MemoryError):
            made(["never-seen-before, (9):"], "spacy-en")
    for text in ("never-seen-before, (9):", "nor-this (10)", "don't"):
        assert made([text], "spacy-en") == [by_spacy(text)]


def test_hashes_of_lines_follow_no_change_of_bits_for_many_seeds() -> None:
    # A hash of one multiplication a word gives the same change for every seed when the highest bit changes.
    seeds = np.random.default_rng(1).integers(0, 1 << 64, 2000, dtype=np.uint64)
    for bit in range(64):
        one = np.zeros(8, np.uint8)
        other = one.copy()
        other[bit // 8] = 1 << bit % 8
        changes = [hash_words(one, 0, 8, seed) ^ hash_words(other, 0, 8, seed) for seed in seeds]
        assert max(Counter(changes).values()) < 20


@pytest.mark.parametrize("above", [0, 1, 5, 10**9, 2**56 - 1])
def test_texts_that_would_collide_under_one_seed_of_256(above: int) -> None:
    # Of a sum of powers of the factor, each times what a byte adds: equal where the seed's low byte is 0.
    pair = rb"""[:Y h %lj;V bqI"$l8K""", rb"""[:W'. $cj8r"\1N(#z<u"""
    seed = np.uint64(above << 8)
    one, other = (interning.hash_bytes(np.frombuffer(text, np.uint8), 0, 20, seed) for text in pair)
    assert one != other


def test_many_units_at_once() -> None:
    # Tables grow several times, and spaCy is asked in several batches.
    value = " ".join(f"w{i}x-{i} ({i}):" for i in range(25_000))
    assert made([value, value], "spacy-en") == [by_spacy(value)] * 2


@given(texts)
@settings(deadline=None)
def test_whitespace_words(values: list[str]) -> None:
    assert made(values, "whitespace") == [value.split() for value in values]


@given(texts)
@settings(deadline=None)
def test_unicode_words(values: list[str]) -> None:
    def inside(c: str) -> bool:
        return unicodedata.category(c)[0] in "LMN" or unicodedata.category(c) == "Pc"

    wanted = [["".join(run) for kept, run in groupby(v, inside) if kept] for v in values]
    assert made(values, "unicode") == wanted


def test_no_text_and_slices() -> None:
    for kind in ("spacy-en", "unicode", "whitespace"):
        assert made([], kind) == []
        assert made(["", " ", ""], kind) == [[], [], []]
        column = pa.array(["no", "one two", "three", "no"], pa.large_string()).slice(1, 2)
        assert words(column, kind).lists() == [["one", "two"], ["three"]]


def test_characters() -> None:
    table = characters.table()
    for code in range(0x110000):
        c = chr(code)
        category = unicodedata.category(c)
        assert bool(table[code] & characters.SPACE) == c.isspace()
        assert bool(table[code] & characters.LETTER) == c.isalpha()
        assert bool(table[code] & characters.PUNCTUATION) == (category[0] == "P")
        assert bool(table[code] & characters.DIGIT) == c.isdecimal()
        assert bool(table[code] & characters.WORD) == (category[0] in "LMN" or category == "Pc")


def test_bytes_that_are_no_text_stay_inside_their_row() -> None:
    # Canonical tables hold valid UTF-8; a kernel must not read elsewhere if one does not.
    broken = b"a\xf0\x9f \xe4 \xc3\xf7\xbf\xbf\xbf"
    buffers = [None, pa.py_buffer(bytes(8) + len(broken).to_bytes(8, "little")), pa.py_buffer(broken)]
    column: Any = pa.Array.from_buffers(pa.large_string(), 1, buffers)
    found = words(column, "whitespace")
    assert found.offsets.tolist() == [0, len(found.starts)]
    assert all(0 <= a < b <= len(broken) for a, b in zip(found.starts, found.ends, strict=True))


@pytest.mark.parametrize("kind", ["spacy-en", "unicode", "whitespace"])
def test_words_are_counted_without_their_places(kind: WordsKind) -> None:
    values = ["so it goes, don't it?", "", "Mr. O'Neill's :-)", " "]
    counts = word_counts(pa.array(values, pa.large_string()), kind)
    assert counts.tolist() == [len(found) for found in made(values, kind)]


def test_engines() -> None:
    assert engine_version("unicode") == unicodedata.unidata_version
    assert all(engine_version(name) for name in engines("spacy-en"))
