"""The step `text.fineweb`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Context
from codata.steps import FilterStep, Verdicts, step
from codata_jobs.columns import need_text
from codata_jobs.text.judging import Numbers, WordParams, judged, ratio, word_engines
from codata_jobs.text.words import buffers, word_counts

Character = Annotated[str, Field(min_length=1, max_length=1)]


class FineWebParams(WordParams):
    """Names and defaults are datatrove's."""

    line_punct_thr: float = Field(
        default=0.12, ge=0, description="Least share of lines that end in one of `stop_chars`."
    )
    line_punct_exclude_zero: bool = Field(
        default=False, description="Whether a text without any such line is let through."
    )
    stop_chars: list[Character] | None = Field(
        default=None,
        max_length=100_000,
        description="Characters that end a sentence; null: datatrove's 159 of many scripts.",
    )
    short_line_thr: float = Field(default=0.67, ge=0, description="Greatest share of short lines.")
    short_line_length: int = Field(default=30, ge=0, description="Most characters of a short line.")
    char_duplicates_ratio: float = Field(
        default=0.01, ge=0, description="Repeated lines' greatest share of the characters."
    )
    new_line_ratio: float = Field(default=0.3, ge=0, description="Most line feeds for each word.")


@step
class FineWeb(FilterStep):
    """Drop texts that look like lists or templates, by the rules that FineWeb adds.

    Rule: lines are what stands between line feeds and is not white space alone. The first that holds is the
    reason: no line (`empty`); lines whose last character is one of `stop_chars` / lines < `line_punct_thr`,
    unless there are none and `line_punct_exclude_zero` (`line_punct_ratio`); lines of at most
    `short_line_length` characters / lines > `short_line_thr` (`short_line_ratio`); characters of lines that
    were there before / all characters but line feeds > `char_duplicates_ratio` (`char_dup_ratio`); line
    feeds / words > `new_line_ratio` (`list_ratio`). A null is dropped (`null`).
    Source: Penedo et al. 2024 (arXiv:2406.17557), as in datatrove 0.10.1, FineWebQualityFilter.
    Engines: unicode; spacy with `words: spacy-en`.
    """

    name = "text.fineweb"
    version = 1
    engines = ("unicode", "spacy")
    params = FineWebParams

    def engines_of(self, params: FineWebParams) -> tuple[str, ...]:
        """What words depend on."""
        return word_engines(params.words)

    def columns(self, params: FineWebParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: FineWebParams, table: pa.Table, ctx: Context) -> Verdicts:
        """The first of the rules that a text breaks."""
        return Verdicts(table, judged(table[params.column], lambda texts: broken(texts, params)))


def broken(texts: pa.Array[Any], params: FineWebParams) -> Mapping[str, Numbers]:
    """For each reason the texts that give it, in the order in which reasons count."""
    from codata_jobs.kernels.fineweb import count_lines
    from codata_jobs.text import characters

    flags = characters.table()
    stops, stop = flags, characters.TERMINAL
    if params.stop_chars is not None:
        stops, stop = np.zeros(len(flags), np.uint16), 1
        stops[[ord(c) for c in params.stop_chars]] = stop
        stops.flags.writeable = False
    data, rows = buffers(texts)
    seed = np.uint64(secrets.randbits(64))
    feeds, others, lines, ending, short, again = count_lines(
        data, rows, flags, characters.SPACE, stops, stop, params.short_line_length, seed
    ).T
    ended = ratio(ending, lines)
    let_through = (ending == 0) & params.line_punct_exclude_zero
    found = {
        "empty": lines == 0,
        "line_punct_ratio": (ended < params.line_punct_thr) & ~let_through,
        "short_line_ratio": ratio(short, lines) > params.short_line_thr,
        "char_dup_ratio": ratio(again, others) > params.char_duplicates_ratio,
    }
    # Words cost more than all else: they are counted where nothing else decides.
    left = np.flatnonzero(~np.logical_or.reduce(list(found.values())))
    counts = word_counts(texts.take(left), params.words)
    listed = np.zeros(len(texts), np.bool_)
    listed[left] = ratio(feeds[left], counts) > params.new_line_ratio
    return {**found, "list_ratio": listed}
