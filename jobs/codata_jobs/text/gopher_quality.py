"""The step `text.gopher_quality`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Context
from codata.steps import FilterStep, Verdicts, step
from codata_jobs.columns import need_text
from codata_jobs.text.judging import Numbers, WordParams, judged, ratio, word_engines
from codata_jobs.text.words import words

STOP_WORDS: Final = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQualityParams(WordParams):
    """Names and defaults are datatrove's; a bound of null or 0 is not tested."""

    min_doc_words: int | None = Field(
        default=50, ge=0, description="Fewest words that are not symbols alone."
    )
    max_doc_words: int | None = Field(
        default=100_000, ge=0, description="Most words that are not symbols alone."
    )
    min_avg_word_length: float | None = Field(default=3, ge=0, description="Least mean of their characters.")
    max_avg_word_length: float | None = Field(
        default=10, ge=0, description="Greatest mean of their characters."
    )
    max_symbol_word_ratio: float | None = Field(
        default=0.1, ge=0, description="Most `#` for each word, and most ellipses for each word."
    )
    max_bullet_lines_ratio: float | None = Field(
        default=0.9, ge=0, description="Greatest share of lines that begin with a bullet."
    )
    max_ellipsis_lines_ratio: float | None = Field(
        default=0.3, ge=0, description="Greatest share of lines that end in an ellipsis."
    )
    max_non_alpha_words_ratio: float | None = Field(
        default=0.8, ge=0, description="Least share of words with a letter (the name is datatrove's)."
    )
    min_stop_words: int | None = Field(default=2, ge=0, description="Fewest different stop words.")
    stop_words: list[str] = Field(
        default=list(STOP_WORDS), max_length=100_000, description="The stop words, as they are written."
    )


@step
class GopherQuality(FilterStep):
    """Drop texts that do not look like prose, by Gopher's quality rules.

    Rule: of the n words, m are more than symbols (datatrove's list of punctuation and control characters).
    The first that holds is the reason: m < `min_doc_words` (`gopher_short_doc`); m > `max_doc_words`
    (`gopher_long_doc`); the mean characters of those m < `min_avg_word_length` (`gopher_below_avg_threshold`)
    or > `max_avg_word_length` (`gopher_above_avg_threshold`); `#` / n (`gopher_too_many_hashes`), then `...`
    and `…` / n (`gopher_too_many_ellipsis`) > `max_symbol_word_ratio`; of the lines (`str.splitlines`, white
    space at their ends aside) those that begin with `•` or `-` > `max_bullet_lines_ratio`
    (`gopher_too_many_bullets`), those that end in `...` or `…` > `max_ellipsis_lines_ratio`
    (`gopher_too_many_end_ellipsis`); words with a letter / n < `max_non_alpha_words_ratio`
    (`gopher_below_alpha_threshold`); different stop words < `min_stop_words` (`gopher_enough_stop_words`). A
    ratio of 0 to 0 passes. A null is dropped (`null`).
    Source: Rae et al. 2021 (arXiv:2112.11446), as in datatrove 0.10.1, GopherQualityFilter.
    Engines: unicode (which characters are letters); spacy with `words: spacy-en`.
    """

    name = "text.gopher_quality"
    version = 1
    engines = ("unicode", "spacy")
    params = GopherQualityParams

    def engines_of(self, params: GopherQualityParams) -> tuple[str, ...]:
        """What words and letters depend on."""
        return word_engines(params.words)

    def columns(self, params: GopherQualityParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: GopherQualityParams, table: pa.Table, ctx: Context) -> Verdicts:
        """The first of the rules that a text breaks."""
        return Verdicts(table, judged(table[params.column], lambda texts: broken(texts, params)))


def broken(texts: pa.Array[Any], params: GopherQualityParams) -> Mapping[str, Numbers]:
    """For each reason the texts that give it, in the order in which reasons count."""
    from codata_jobs.kernels import quality
    from codata_jobs.text import characters
    from codata_jobs.text.wordlist import WordList

    flags = characters.table()
    found = words(texts, params.words)
    where = found.data, found.starts, found.ends, found.offsets
    n = np.diff(found.offsets)
    m, length, letters = quality.count_words(*where, flags, characters.SYMBOL, characters.LETTER).T
    hashes, ellipses, lines, bullets, trailing = quality.count_marks(
        found.data, found.rows, flags, characters.SPACE
    ).T
    stop = quality.count_listed(*where, *WordList.of(params.stop_words).tables)
    mean = ratio(length, m)
    return {
        "gopher_short_doc": _below(m, params.min_doc_words),
        "gopher_long_doc": _above(m, params.max_doc_words),
        "gopher_below_avg_threshold": _below(mean, params.min_avg_word_length),
        "gopher_above_avg_threshold": _above(mean, params.max_avg_word_length),
        "gopher_too_many_hashes": _above(ratio(hashes, n), params.max_symbol_word_ratio),
        "gopher_too_many_ellipsis": _above(ratio(ellipses, n), params.max_symbol_word_ratio),
        "gopher_too_many_bullets": _above(ratio(bullets, lines), params.max_bullet_lines_ratio),
        "gopher_too_many_end_ellipsis": _above(ratio(trailing, lines), params.max_ellipsis_lines_ratio),
        "gopher_below_alpha_threshold": _below(ratio(letters, n), params.max_non_alpha_words_ratio),
        "gopher_enough_stop_words": _below(stop, params.min_stop_words),
    }


def _below(values: Numbers, bound: float | None) -> Any:
    return values < bound if bound else np.zeros(len(values), np.bool_)


def _above(values: Numbers, bound: float | None) -> Any:
    return values > bound if bound else np.zeros(len(values), np.bool_)
