"""A column of texts judged a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from codata.steps import FilterParams
from codata_jobs.columns import reasons
from codata_jobs.text.words import WordsKind, buffers, engines

Numbers = np.ndarray[Any, np.dtype[Any]]

Rule = Callable[[Any], Mapping[str, Numbers]]
"""Texts (large strings, no nulls) to one mask for each reason; the first that is true counts."""

BLOCK: Final = 8 * 1024 * 1024
"""Bytes of text that are judged at a time: their words take some four times as much memory."""


class WordParams(FilterParams):
    """Base of the parameters of filters that count words."""

    column: str = Field(description="The column of texts.")
    words: WordsKind = Field(
        default="spacy-en",
        description="What a word is: `spacy-en` (tokens of spaCy's English tokenizer, punctuation marks too, "
        "as datatrove counts them), `unicode` (runs of letters, marks, numbers and connectors) or "
        "`whitespace` (runs without white space).",
    )


def word_engines(kind: WordsKind) -> tuple[str, ...]:
    """The engines of a filter that counts words and asks what its characters are."""
    return tuple(dict.fromkeys(("unicode", *engines(kind))))


def judged(column: pa.ChunkedArray[Any], rule: Rule) -> Any:
    """The reasons for a column of texts (large strings): `null` where there is no text, else by the rule."""
    found = [
        reasons({"null": texts.is_null().to_numpy(zero_copy_only=False), **rule(filled(texts))})
        for texts in blocks(column)
    ]
    return pa.concat_arrays([pa.array([], pa.large_string()), *found])


def blocks(column: pa.ChunkedArray[Any]) -> Iterator[Any]:
    """The column in arrays of large strings of about `BLOCK` bytes."""
    chunks: list[Any] = column.cast(pa.large_string()).chunks
    for chunk in chunks:
        _, ends = buffers(chunk)
        at = 0
        while at < len(chunk):
            after = int(np.searchsorted(ends, ends[at] + BLOCK, side="left"))
            size = max(1, min(after, len(chunk)) - at)
            yield chunk.slice(at, size)
            at += size


def filled(texts: Any) -> Any:
    """The texts with empty ones for nulls."""
    return pc.fill_null(texts, "") if texts.null_count else texts


def ratio(part: Numbers, whole: Numbers) -> Numbers:
    """part / whole as doubles: nan where both are 0, which no comparison is true for."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = part / whole
    return found
