"""Our filters beside datatrove's own: every verdict, every reason, every text that is rewritten."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("datatrove", reason="verdicts are compared where datatrove is installed")
pytest.importorskip("numba", reason="words need the extra `text`")
pytest.importorskip("spacy", reason="words need the extra `text`")

from codata_jobs.text.c4 import C4
from codata_jobs.text.fineweb import FineWeb
from codata_jobs.text.gopher_quality import GopherQuality
from codata_jobs.text.gopher_repetition import GopherRepetition
from datatrove.data import Document
from datatrove.pipeline import filters

from codata.ops import check_params
from codata.steps import FilterStep
from tests.oracle.texts import texts

STEPS: dict[type[FilterStep], Any] = {
    GopherQuality: filters.GopherQualityFilter,
    GopherRepetition: filters.GopherRepetitionFilter,
    C4: filters.C4QualityFilter,
    FineWeb: filters.FineWebQualityFilter,
}

# Other bounds, so that texts get past the first rules and every later one has its say.
LOOSE: dict[type[FilterStep], dict[str, Any]] = {
    GopherQuality: {
        "min_doc_words": 3,
        "min_avg_word_length": 2.5,
        "max_avg_word_length": 7,
        "max_symbol_word_ratio": 0.05,
        "max_bullet_lines_ratio": 0.3,
        "max_ellipsis_lines_ratio": 0.1,
        "max_non_alpha_words_ratio": 0.5,
        "min_stop_words": 1,
    },
    GopherRepetition: {
        "dup_line_frac": None,
        "dup_para_frac": 0.1,
        "dup_line_char_frac": 0.3,
        "dup_para_char_frac": 0.05,
    },
    C4: {"filter_no_terminal_punct": False, "min_num_sentences": 2, "max_word_length": 60},
    FineWeb: {
        "line_punct_thr": 0.01,
        "short_line_thr": 0.9,
        "char_duplicates_ratio": 0.2,
        "new_line_ratio": 0.2,
    },
}
SENTENCES: dict[str, Any] = {"split_paragraph": False, "min_num_sentences": 3, "min_words_per_line": -1}

Case = tuple[type[FilterStep], dict[str, Any]]
"""A step, and its parameters beside the column."""

Outcome = tuple[str | None, str]
"""A reason, and the text as it comes out."""


def ours(values: list[str], case: Case) -> list[Outcome]:
    kind, params = case
    checked = check_params(kind.params, {"column": "text", **params}, kind.name)
    table = pa.table({"text": pa.array(values, pa.large_string())})
    verdicts = kind().judge(checked, table, None)  # type: ignore[arg-type]
    return list(zip(verdicts.reasons.to_pylist(), verdicts.rows["text"].to_pylist(), strict=True))


def theirs(value: str, rule: Any) -> Outcome:
    document = Document(text=value, id="")
    verdict = rule.filter(document)
    return (None, document.text) if verdict is True else (verdict[1], value)


def compared(values: list[str], cases: list[Case]) -> Counter[str | None]:
    """How often each reason came up; fails where ours and theirs differ."""
    rules = [STEPS[kind](**params) for kind, params in cases]
    # A text at a time: datatrove remembers the words of the last few.
    wanted = [[theirs(value, rule) for rule in rules] for value in values]
    seen: Counter[str | None] = Counter()
    for k, case in enumerate(cases):
        mine = ours(values, case)
        wrong = [(v, a, b[k]) for v, a, b in zip(values, mine, wanted, strict=True) if a != b[k]]
        assert (case, wrong[:3]) == (case, [])
        seen.update(reason for reason, _ in mine)
    return seen


ALL: list[Case] = [(kind, params) for kind in STEPS for params in ({}, LOOSE[kind])]
SHARES = 4


@pytest.mark.parametrize("share", range(SHARES))
def test_real_texts(share: int) -> None:
    values = texts()
    assert len(values) >= 10_000
    seen = compared(values[share::SHARES], [*ALL, (C4, SENTENCES)])
    assert len(seen) > 20, seen


PIECES = [
    *"abc.!?,;:#-_()[]{}\"'\u2022…*/",
    *(" \n" * 6),
    *[
        "\n\n",
        "\r\n",
        "\t",
        "\x85",
        "\xa0",
        "\u2028",
        "one ",
        "The ",
        "and ",
        "the be to of",
        "...",
        "x" * 70,
    ],
    *[
        "[1]",
        "[edit]",
        "[citation needed]",
        "javascript",
        "Lorem Ipsum",
        "Cookie Policy ",
        "\u212a",
        "İ",
        "ẞ",
    ],
    *["don't", "U.S.", ":-)", "http://a.b/c ", "é", "中文。", "नमस्ते।", "٣", "👩\u200d👩\u200d👧"],
]
hard = st.lists(st.sampled_from(PIECES), max_size=120).map("".join)
repeated = st.tuples(hard, st.integers(1, 6), hard).map(lambda t: t[0] * t[1] + t[2])


@given(st.lists(repeated | st.text(max_size=80), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_texts_made_to_be_hard(values: list[str]) -> None:
    # datatrove divides by the number of words: without a least number it fails on an empty text.
    compared(values, [*ALL, (C4, SENTENCES), (C4, SENTENCES | {"filter_no_terminal_punct": False})])


@pytest.mark.slow
def test_pages_in_many_languages(tmp_path: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("the package gnome-user-docs is fetched with apt")
    fetched = subprocess.run(["apt-get", "download", "gnome-user-docs"], cwd=tmp_path, capture_output=True)
    if fetched.returncode:
        pytest.skip("apt can't fetch the package gnome-user-docs here")
    [package] = tmp_path.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    pages = sorted(tmp_path.rglob("*.page"))
    values = [re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")) for page in pages]
    assert len(values) > 10_000
    compared(values, ALL)
