"""The step `text.language`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.errors import NotCheckable, ParameterError
from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, step
from codata_jobs.columns import need_text, reasons
from codata_jobs.text.column import nulls, text_buffers

Numbers = np.ndarray[Any, np.dtype[Any]]

UNKNOWN: Final = "und"
"""ISO 639-2 for a language that is not determined."""


class LanguageParams(FilterParams):
    """Which languages stay."""

    column: str = Field(description="The column of texts.")
    languages: list[str] | None = Field(
        default_factory=lambda: ["en"],
        min_length=1,
        description="Languages that stay, by the detector's codes (ISO 639-1, else 639-3); null is all.",
    )
    threshold: float = Field(
        default=0.65, ge=0, le=1, description="The least score of the likeliest language."
    )
    among: list[str] | None = Field(
        default=None,
        min_length=2,
        description="Only these languages come into question: surer for short texts. Null is all.",
    )
    language: str = Field(default="language", min_length=1, description="The new column of the language.")
    score: str = Field(default="language_score", min_length=1, description="The new column of its score.")


@step
class Language(FilterStep):
    """Keep texts in some languages, and say which language each is in.

    Rule: the likeliest language by naive Bayes over the byte n-grams of py3langid's model, all sums in fixed
    point. Its score is exp(s / sqrt(bytes)) over the sum of these for all languages, s being a
    log-probability, in steps of 0.0001. Kept where the language is one of `languages` and its score at least
    `threshold`; the reasons are `null`, `language` and `language_score`. A text with no known n-gram is in
    `und`, score 0.
    Put texts in NFC first (`text.normalize`).
    Source: langid.py (Lui and Baldwin 2012) as py3langid 0.4 has it, whose label and score (to 0.0001) it
    gives; the threshold is FineWeb's.
    Engines: py3langid, for its model.
    """

    name = "text.language"
    version = 1
    engines = ("py3langid", "pyarrow")
    params = LanguageParams

    def columns(self, params: LanguageParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema with the language (text) and its score (double)."""
        need_text(schema, params.column, self.name)
        for name in (params.language, params.score):
            if name in schema.names or params.language == params.score:
                raise ParameterError(f"{self.name}: there is a column {name!r} already")
        schema = schema.append(pa.field(params.language, pa.large_string()))
        return schema.append(pa.field(params.score, pa.float64()))

    def judge(self, params: LanguageParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Each text's language and score, and whether they are wanted."""
        from codata_jobs.kernels.language import UNIT, classify

        found = model(None if params.among is None else tuple(params.among))
        wanted = found.numbers(params.languages)
        texts = table[params.column]
        best, sure = classify(*text_buffers(texts), *found.arrays)
        scores = sure / UNIT
        absent = nulls(texts)
        other = np.zeros(len(best), np.bool_) if wanted is None else ~np.isin(best, wanted)
        labels = pa.array([*found.classes, UNKNOWN], pa.large_string())
        names = labels.take(pa.array(best % len(labels), mask=absent))
        rows = table.append_column(params.language, names)
        rows = rows.append_column(params.score, pa.array(scores, mask=absent))
        why = {"null": absent, "language": other, "language_score": scores < params.threshold}
        return Verdicts(rows, reasons(why))


@dataclass(frozen=True)
class Model:
    """py3langid's model in fixed point: `arrays` are what the kernel takes after the texts."""

    classes: tuple[str, ...]
    arrays: tuple[Numbers, ...]

    def numbers(self, languages: list[str] | None) -> list[int] | None:
        """The classes of some languages; raises `ParameterError` for one that the model does not know."""
        if languages is None:
            return None
        if missing := [name for name in languages if name not in self.classes]:
            known = ", ".join(sorted(set(self.classes)))
            raise ParameterError(
                f"text.language: {', '.join(map(repr, missing))} is no language here",
                next_step=f"the languages are: {known}",
            )
        return [self.classes.index(name) for name in languages]


@lru_cache(maxsize=2)
def model(among: tuple[str, ...] | None) -> Model:
    """The model, or that of some of its languages.

    Raises `NotCheckable` where py3langid is missing or its model is of another kind.
    """
    from codata_jobs.kernels.language import SCORE_BITS, WEIGHT_BITS, exp_tables, log_table

    try:
        from py3langid.langid import MODEL_DIR, MODEL_FILE  # type: ignore[import-untyped]
        from py3langid.modelio import load_model  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise NotCheckable(
            "text.language needs the package py3langid", next_step="install codata-pipeline[text]"
        ) from None
    ptc, prior, names, moves, rows, features = load_model(MODEL_DIR / MODEL_FILE)
    scaled = np.asarray(ptc, np.float32) * (1 << WEIGHT_BITS)
    weights = scaled.astype(np.int16)
    if not np.array_equal(weights, scaled):
        raise NotCheckable("py3langid's model is not of the kind that text.language knows")
    chosen = [i for i, name in enumerate(names) if among is None or name in among]
    whole = Model(tuple(names), ())
    whole.numbers(None if among is None else list(among))
    classes = tuple(names[i] for i in chosen)
    labels = np.array([classes.index(name) for name in classes], np.int64)
    fixed = np.rint(np.asarray(prior, np.float64) * (1 << SCORE_BITS)).astype(np.int64)
    arrays = (
        np.asarray(moves),
        np.asarray(rows),
        np.asarray(features, np.int64),
        np.ascontiguousarray(weights[:, chosen]),
        fixed[chosen],
        labels,
        log_table(),
        exp_tables(),
    )
    return Model(classes, arrays)
