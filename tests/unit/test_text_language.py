"""text.language: labels and scores as py3langid gives them, in integers; reasons; bounds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from codata_jobs.text import language
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import NotCheckable, ParameterError
from codata.table import logical_hash
from tests.driving import Driver

pytest.importorskip("numba", reason="the extra `text` is not installed")
py3langid = pytest.importorskip("py3langid.langid", reason="the extra `text` is not installed")

TEXTS = {
    "en": "Everyone has the right to freedom of thought, conscience and religion.",
    "de": "Jeder hat das Recht auf Gedanken-, Gewissens- und Religionsfreiheit.",
    "fr": "Toute personne a droit à la liberté de pensée, de conscience et de religion.",
    "es": "Toda persona tiene derecho a la libertad de pensamiento, de conciencia y de religión.",
    "ru": "Каждый человек имеет право на свободу мысли, совести и религии.",
    "ja": "すべて人は、思想、良心及び宗教の自由に対する権利を有する。",
    "zh": "人人有思想、良心和宗教自由的权利。",
    "uk": "Кожна людина має право на свободу думки, совісті й релігії.",
}


GOLDEN = [("en", 0.9961), ("fr", 0.9996), ("lij", 0.0836), ("und", 0.0)]


@pytest.fixture(scope="module")
def reference() -> Any:
    """The library's own classifier, in floating point."""
    found = py3langid.LanguageIdentifier
    return found.from_model_file(py3langid.MODEL_FILE, norm_probs=True)


def rows(texts: Sequence[str | None], **params: Any) -> pa.Table:
    table = pa.table({"text": pa.array(texts, pa.large_string()), "n": np.arange(len(texts))})
    return Driver().rows("text.language", {"column": "text", **params}, table)


def test_each_language_is_known() -> None:
    made = rows(list(TEXTS.values()), languages=None, threshold=0.0)
    assert made["language"].to_pylist() == list(TEXTS)
    assert made.column_names == ["text", "n", "language", "language_score"]


def test_golden_scores() -> None:
    made = rows([TEXTS["en"], TEXTS["fr"], "naïve", "a"], languages=None, threshold=0.0)
    assert list(zip(made["language"].to_pylist(), made["language_score"].to_pylist(), strict=True)) == GOLDEN


def test_reasons() -> None:
    texts = [TEXTS["en"], None, TEXTS["de"], "", "naïve"]
    made = rows(texts, languages=["en", "de", "lij"], annotate="why", threshold=0.9)
    assert made["why"].to_pylist() == [None, "null", None, "language", "language_score"]
    assert made["language"].to_pylist()[:4] == ["en", None, "de", "und"]
    assert made["language_score"].to_pylist()[1] is None
    assert made["language_score"].to_pylist()[3] == 0.0
    assert rows(texts, languages=["en", "de", "lij"], threshold=0.9)["n"].to_pylist() == [0, 2]
    assert rows(texts)["n"].to_pylist() == [0]


def test_among_restricts_what_is_considered() -> None:
    serbian = "Свако има право на слободу мисли, савести и вероисповести."  # two classes have this label
    for among, wanted in ((None, "mk"), (["sr", "ru"], "sr"), (["ru", "en"], "ru")):
        assert rows([serbian], languages=None, threshold=0.0, among=among)["language"].to_pylist() == [wanted]


@pytest.mark.parametrize("params", [{"languages": ["xx"]}, {"among": ["en", "xx"]}])
def test_unknown_languages_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="'xx' is no language here"):
        rows(["text"], **params)


def test_columns_that_are_there_are_not_replaced() -> None:
    with pytest.raises(ParameterError, match="'n' already"):
        rows(["text"], language="n")


def test_parts_do_not_show() -> None:
    texts = [*TEXTS.values(), None, "", *TEXTS.values()]
    whole = rows(texts, languages=None)
    split = pa.concat_tables([rows(texts[:5], languages=None), rows(texts[5:], languages=None)])
    assert logical_hash(whole.drop_columns(["n"])) == logical_hash(split.drop_columns(["n"]))


WORDS = sorted({word for text in TEXTS.values() for word in text.split()} | {"1", "ÿ", "\x00", "a" * 5000})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=40)))
def test_the_library_agrees(reference: Any, texts: list[str]) -> None:
    """The label, unless two are as likely; the score, to a step and the library's own rounding."""
    import unicodedata

    texts = [unicodedata.normalize("NFC", t) for t in texts]
    texts = [t for t in texts if not t.isupper()]  # the library puts these in lower case first
    made = rows(texts, languages=None, threshold=0.0)
    for text, label, score in zip(
        texts, made["language"].to_pylist(), made["language_score"].to_pylist(), strict=True
    ):
        if label == "und":
            continue
        ranked = dict(reference.rank(text))
        best = max(ranked.values())
        assert abs(score - best) < 3e-4
        assert best - ranked[label] < 1e-5


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    language.model.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.modelio", None)
    with pytest.raises(NotCheckable, match="py3langid") as caught:
        rows(["text"])
    assert "codata-pipeline[text]" in caught.value.next_step


def test_a_model_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    language.model.cache_clear()
    modelio = pytest.importorskip("py3langid.modelio")
    ptc = np.full((1, 2), 1 / 3, np.float32)
    other = ptc, np.zeros(2, np.float32), ["a", "b"], [0] * 256, [0], [-1]
    monkeypatch.setattr(modelio, "load_model", lambda path: other)
    with pytest.raises(NotCheckable, match="not of the kind"):
        rows(["text"])
