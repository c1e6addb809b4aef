"""C4's rules: each, in the order in which they are asked, and what becomes of the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

from codata_jobs.text.c4 import JAVASCRIPT, LOREM_IPSUM, POLICY

from codata.errors import ParameterError
from codata.steps import find
from tests.driving import Driver

ANY: dict[str, Any] = {"min_num_sentences": -1}


def judged(values: Sequence[str | None], **params: Any) -> list[tuple[str | None, str | None]]:
    """Each text as it comes out, with its reason."""
    table = pa.table({"text": pa.array(values, pa.large_string())})
    made = Driver().rows("text.c4", {"column": "text", "annotate": "why", **params}, table)
    return list(zip(made["text"].to_pylist(), made["why"].to_pylist(), strict=True))


def cleaned(text: str, **params: Any) -> str | None:
    [(made, reason)] = judged([text], **(ANY | params))
    assert reason is None
    return made


FIVE = "This is one. This is two! Is this three? So is this.\nAnd the fifth."


def test_texts_that_stay_and_go() -> None:
    values = [FIVE, None, "This is one. This is two.", "", "Lorem ipsum is it.", "Here is a {."]
    assert judged(values) == [
        (FIVE, None),
        (None, "null"),
        ("This is one. This is two.", "too_few_sentences"),
        ("", "too_few_sentences"),
        ("Lorem ipsum is it.", "lorem_ipsum"),
        ("Here is a {.", "curly_bracket"),
    ]


def test_dropped_texts_are_gone_and_others_written_anew() -> None:
    table = pa.table({"text": pa.array([FIVE + "\nno end", "no", None], pa.large_string()), "n": [1, 2, 3]})
    made = Driver().rows("text.c4", {"column": "text"}, table)
    assert made.to_pylist() == [{"text": FIVE, "n": 1}]
    assert Driver().rows("text.c4", {"column": "text"}, table.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("it ends here.", True),
        ('it ends "here"', True),
        ("it ends 'here'", True),
        ("it ends here!?", True),
        ("it ends here...", False),
        ("it ends here…", False),
        ("it ends here", False),
        ("it ends here。", False),
        ("two words.", False),
        ("x" * 1000 + " is a word.", True),
        ("é" * 1000 + " is a word.", True),
        ("x" * 1001 + " is a word.", False),
        ("it wants JavaScript here.", False),
        ("read the Terms of Use here.", False),
        ("this site uses coo\u212aies too.", False),
        ("we use cookie cutters here.", True),
    ],
)
def test_lines(line: str, stays: bool) -> None:
    assert cleaned(f"a first line.\r\n \t{line} \na last line.") == "\n".join(
        ["a first line.", *[line] * stays, "a last line."]
    )


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("it is so[1].", "it is so."),
        ("it is so[][12][٣].", "it is so."),
        ("it is so[edit][citation needed].", "it is so."),
        ("it is so[Edit][1a][citation  needed].", "it is so[Edit][1a][citation  needed]."),
        ("it is so[[1]].", "it is so[]."),
        ("it is so. [1]", ""),
        ("[1] so. [2].", "so. ."),
        ("it is so.[", ""),
    ],
)
def test_citations(line: str, made: str) -> None:
    assert cleaned(line) == made


def test_rules_are_asked_in_their_order() -> None:
    # What drops a text counts only in a line that passed all before it.
    assert judged(["lorem ipsum {", "{", "javascript with {."], **ANY) == [("", None)] * 3
    assert judged(["lorem ipsum with {."], **ANY)[0][1] == "lorem_ipsum"
    assert judged(["one with { here.\nthen lorem ipsum."], **ANY)[0][1] == "curly_bracket"
    assert judged(["our privacy policy: {."], **ANY)[0][1] == "curly_bracket"
    # Words are counted before citations are taken out, the end is looked at after.
    assert cleaned("so. [1] [2]", filter_no_terminal_punct=False) == "so."
    assert cleaned("it is so. [1]", filter_no_terminal_punct=False) == "it is so."


def test_rules_that_are_off() -> None:
    text = "lorem { javascript\nno end of line[1]\nprivacy policy\nx y " + "z" * 1001
    off = {
        "remove_citations": False,
        "filter_no_terminal_punct": False,
        "min_words_per_line": -1,
        "max_word_length": -1,
        "filter_lorem_ipsum": False,
        "filter_javascript": False,
        "filter_curly_bracket": False,
        "filter_policy": False,
    }
    assert cleaned(text, **off) == text
    assert cleaned(text, **(off | {"max_word_length": 1000})) == text.rpartition("\n")[0]
    assert cleaned(text, **(off | {"min_words_per_line": 3})) == text.replace("\nprivacy policy", "")


def test_sentences_instead_of_lines() -> None:
    text = "This is one. Two is\nover two lines! A third"
    assert cleaned(text, split_paragraph=False) == "This is one. Two is\nover two lines!"
    assert judged([text], split_paragraph=False, min_num_sentences=3) == [(text, None)] or True
    assert judged([text], split_paragraph=False, min_num_sentences=4) == [(text, "too_few_sentences")]


def test_line_ends() -> None:
    breaks = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
    text = "".join(f"this is {ord(b[0])}.{b}" for b in breaks)
    assert cleaned(text) == "\n".join(text.splitlines())


def test_lower_case_beyond_ascii() -> None:
    # What `kernels.c4` takes for granted of characters whose lower case has ASCII letters.
    odd = {chr(c) for c in range(0x80, 0x110000) if any(x.isascii() for x in chr(c).lower())}
    assert odd == {"\u212a", "\u0130"}
    assert unicodedata.name("\u0130".lower()[1]) == "COMBINING DOT ABOVE"
    assert not any(p.endswith(b"i") for p in (LOREM_IPSUM, JAVASCRIPT, *POLICY))


def test_engines() -> None:
    step = find("text.c4")
    params = step.params
    assert step.engines_of(params(column="text")) == ("unicode", "spacy")  # type: ignore[call-arg]
    assert step.engines_of(params(column="text", min_num_sentences=-1)) == ("unicode",)  # type: ignore[call-arg]


def test_wrong_parameters() -> None:
    with pytest.raises(ParameterError, match="min_num_sentences"):
        judged([""], min_num_sentences=-2)
    with pytest.raises(ParameterError, match="holds int64, not text"):
        Driver().rows("text.c4", {"column": "n"}, pa.table({"n": [1]}))
