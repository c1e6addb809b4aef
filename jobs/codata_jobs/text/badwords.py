"""The step `text.badwords`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field

from codata.errors import ParameterError
from codata.ops import Context
from codata.steps import Artifact, FilterParams, FilterStep, Verdicts, step
from codata_jobs.columns import need_text, reasons, series
from codata_jobs.drawing import Share, drawn
from codata_jobs.text.column import nulls

Mask = np.ndarray[Any, np.dtype[np.bool_]]

MAX_FILE: Final = 4 * 1024 * 1024
"""Bytes of a list of words; the longest of those published for this have some 10 KB."""

MAX_WORD: Final = 1000
"""Characters of one word."""

ALLOWED: Final = ("sm", "グロ", "女の子", "性")
"""Words on the published lists that are parts of common words in Japanese and Chinese."""

REASON: Final = "document_removed_with_badwords"

_USE: Final = b"codata/text.badwords/1\x00"

_APART: Final = r"[^\p{L}\p{N}_]"
"""What a word may stand between: what is no word character in Python's `re`."""

_GROUP: Final = 500
_GROUP_BYTES: Final = 1 << 16
"""Words in one regular expression, and where it is ended early: compiled ones are bounded in size."""


class BadwordsParams(FilterParams):
    """Which words, and what becomes of texts with one."""

    column: str = Field(description="The column of texts.")
    words: Artifact = Field(
        description="A file with a word or phrase a line, in lower case. The list itself is other people's "
        "data: C4 uses the English one of LDNOOBW."
    )
    allow: list[str] = Field(
        default=list(ALLOWED), max_length=10_000, description="Words of the file that do not count."
    )
    apart: bool = Field(
        default=True,
        description="Words count only where no letter, number or `_` touches them; false for languages "
        "written without spaces, as datatrove has it for Japanese, Thai and Chinese.",
    )
    keep_fraction: Share = Field(
        default="0", validate_default=True, description="The share of texts with such a word that stay."
    )
    seed: int = Field(default=0, ge=0, lt=1 << 64, description="Another seed keeps others of them.")


@step
class Badwords(FilterStep):
    """Drop texts that have a word of a list.

    Rule: the text in lower case has a line of the file, white space at its ends aside, as a part; with
    `apart`, what stands before and after is the text's end or no letter, number or `_` (Unicode L, N). Of
    these texts a share stays, drawn by hash as in `sample`: SHA-256("codata/text.badwords/1" 00 ‖ seed ‖
    text). The reasons are `null` and `document_removed_with_badwords`.
    Source: C4 (Raffel et al. 2020), as in datatrove 0.10.1, C4BadWordsFilter, whose draw depends on order.
    Engines: polars, for lower case and classes of characters.
    """

    name = "text.badwords"
    version = 1
    engines = ("polars",)
    params = BadwordsParams

    def columns(self, params: BadwordsParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: BadwordsParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Which texts have a word of the list, but for those drawn to stay."""
        bad = matching(series(table, params.column), read_words(ctx, params), apart=params.apart)
        if bad.any() and params.keep_fraction != "0":
            found = table.select([params.column]).filter(pa.array(bad))
            bad[bad] = ~drawn(found, [params.column], params.keep_fraction, params.seed, _USE)
        return Verdicts(table, reasons({"null": nulls(table[params.column]), REASON: bad}))


def read_words(ctx: Context, params: BadwordsParams) -> list[str]:
    """The words that count, sorted; raises `ParameterError` for a file that is no list of words."""
    file = ctx.file(params.words)
    if file.size > MAX_FILE:
        raise ParameterError(f"text.badwords: {params.words} has {file.size} bytes; the limit is {MAX_FILE}")
    try:
        lines = bytes(file.view()).decode().split("\n")
    except UnicodeDecodeError as e:
        raise ParameterError(f"text.badwords: {params.words} is not UTF-8: {e.reason}") from None
    found = sorted({line.strip() for line in lines} - {"", *params.allow})
    if found and max(map(len, found)) > MAX_WORD:
        raise ParameterError(f"text.badwords: {params.words} has a line of over {MAX_WORD} characters")
    return found


def matching(texts: pl.Series, words: list[str], *, apart: bool) -> Mask:
    """Which texts have one of the words. Nulls have none."""
    if not words:
        return np.zeros(len(texts), np.bool_)
    lower = texts.str.to_lowercase()
    found = lower.str.contains_any(words).fill_null(value=False)
    if apart and found.any():
        # The few that have one as a part are asked again, whether it stands apart.
        again = lower.filter(found)
        stands = pl.repeat(False, len(again), eager=True)
        for group in _groups(words):
            either = "|".join(map(pl.escape_regex, group))
            stands |= again.str.contains(f"(?:{_APART}|^)(?:{either})(?:{_APART}|$)")
        mask = found.to_numpy().astype(np.bool_)
        mask[mask] = stands.to_numpy()
        return mask
    return found.to_numpy().astype(np.bool_)


def _groups(words: list[str]) -> Iterator[list[str]]:
    """The words in groups for one regular expression each."""
    group: list[str] = []
    size = 0
    for word in words:
        if len(group) == _GROUP or size > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(word)
        size += len(word.encode())
    if group:
        yield group
