"""The step `text.gopher_repetition`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, Field

from codata.ops import Context
from codata.steps import FilterStep, Verdicts, step
from codata_jobs.columns import need_text
from codata_jobs.text.judging import Numbers, WordParams, judged, word_engines
from codata_jobs.text.words import buffers, words


def _bound_of_n(value: list[int | float]) -> list[int | float]:
    n, bound = value
    if not isinstance(n, int) or not 1 <= n <= 64:
        raise ValueError(f"n must be a whole number from 1 to 64, not {n}")
    if bound < 0:
        raise ValueError(f"the bound for n = {n} is below 0")
    return value


Bound = Annotated[list[int | float], Field(min_length=2, max_length=2), AfterValidator(_bound_of_n)]


class GopherRepetitionParams(WordParams):
    """Names and defaults are datatrove's; a fraction of null or 0 is not tested."""

    dup_line_frac: float | None = Field(default=0.3, ge=0, description="Greatest share of repeated lines.")
    dup_para_frac: float | None = Field(
        default=0.3, ge=0, description="Greatest share of repeated paragraphs."
    )
    dup_line_char_frac: float | None = Field(
        default=0.2, ge=0, description="Repeated lines' greatest share of the characters."
    )
    dup_para_char_frac: float | None = Field(
        default=0.2, ge=0, description="Repeated paragraphs' greatest share of the characters."
    )
    top_n_grams: list[Bound] = Field(
        default=[[2, 0.2], [3, 0.18], [4, 0.16]],
        max_length=64,
        description="For each n the greatest share of the characters that the most frequent n-gram may have.",
    )
    dup_n_grams: list[Bound] = Field(
        default=[[5, 0.15], [6, 0.14], [7, 0.13], [8, 0.12], [9, 0.11], [10, 0.10]],
        max_length=64,
        description="For each n the greatest share of the characters that repeated n-grams may have.",
    )


@step
class GopherRepetition(FilterStep):
    """Drop texts that repeat themselves, by Gopher's repetition rules.

    Rule: the first that holds is the reason. No text at all: `empty`. Of the paragraphs (what stands between
    runs of two or more line feeds, white space at the ends of the text aside) those that were there before:
    their number / all > `dup_para_frac` (`dup_para_frac`), their characters / all of the text's >
    `dup_para_char_frac` (`dup_para_char_frac`). The same of the lines (the whole text between runs of line
    feeds): `dup_line_frac`, `dup_line_char_frac`. For each [n, bound] of `top_n_grams`: characters of the
    most frequent n words (the first of several; one space between words) times how often they are there /
    characters of the text > bound (`top_{n}_gram`). For each of `dup_n_grams`, from the first word on: n
    words whose joined characters were met before are counted and skipped, else on by one word; characters
    counted / characters of the text > bound (`duplicated_{n}_n_grams`). A null is dropped (`null`).
    Source: Rae et al. 2021 (arXiv:2112.11446), as in datatrove 0.10.1, GopherRepetitionFilter.
    Engines: unicode; spacy with `words: spacy-en`.
    """

    name = "text.gopher_repetition"
    version = 1
    engines = ("unicode", "spacy")
    params = GopherRepetitionParams

    def engines_of(self, params: GopherRepetitionParams) -> tuple[str, ...]:
        """What words depend on."""
        return word_engines(params.words)

    def columns(self, params: GopherRepetitionParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: GopherRepetitionParams, table: pa.Table, ctx: Context) -> Verdicts:
        """The first of the rules that a text breaks."""
        return Verdicts(table, judged(table[params.column], lambda texts: broken(texts, params)))


def broken(texts: pa.Array[Any], params: GopherRepetitionParams) -> Mapping[str, Numbers]:
    """For each reason the texts that give it."""
    from codata_jobs.kernels.repetition import repeated_lines, repeated_words
    from codata_jobs.text import characters

    data, rows = buffers(texts)
    paragraph = params.dup_para_frac or 0.0, params.dup_para_char_frac or 0.0
    line = params.dup_line_frac or 0.0, params.dup_line_char_frac or 0.0
    seed = np.uint64(secrets.randbits(60))
    rules, total = repeated_lines(
        data, rows, characters.table(), characters.SPACE, np.array([*paragraph, *line]), seed
    )
    # Words cost more than all else: they are looked at where lines do not decide.
    left = np.flatnonzero(rules == 0)
    found = words(texts.take(left), params.words)
    rules[left] = repeated_words(
        *(found.data, found.starts, found.ends, found.offsets, total[left]),
        *(*_bounds(params.top_n_grams), *_bounds(params.dup_n_grams), seed),
    )
    names = [
        *("empty", "dup_para_frac", "dup_para_char_frac", "dup_line_frac", "dup_line_char_frac"),
        *(f"top_{n}_gram" for n, _ in params.top_n_grams),
        *(f"duplicated_{n}_n_grams" for n, _ in params.dup_n_grams),
    ]
    return {name: np.isin(rules, [k + 1 for k, other in enumerate(names) if other == name]) for name in names}


def _bounds(pairs: list[list[int | float]]) -> tuple[Numbers, Numbers]:
    return np.array([n for n, _ in pairs], np.int64), np.array([bound for _, bound in pairs], np.float64)
