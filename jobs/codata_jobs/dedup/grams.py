"""Word n-grams of a column of texts, as hashes: what MinHash, n-gram dedup and decontamination compare.

The texts are simplified first (`codata_jobs.simplify`). An n-gram is n words joined by single spaces; its
hash is XXH64 of that in UTF-8, as datatrove 0.10 computes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from codata.ops import Params
from codata_jobs.simplify import simplify
from codata_jobs.text import words as text_words
from codata_jobs.text.words import WordsKind

GROUP_BYTES: Final = 8 * 1024 * 1024
"""Bytes of text that are taken at once: words and their places need some eight times that."""


class GramParams(Params):
    """Base of the parameters of operations on n-grams: their engines depend on what a word is."""

    column: str
    words: WordsKind
    n: int = Field(ge=1, le=256)

    def engines_used(self) -> tuple[str, ...]:
        """Unicode data for simplifying, and what finds words."""
        return ("unicode", *text_words.engines(self.words))


@dataclass(frozen=True)
class Grams:
    """`hashes` of all rows' n-grams; those of row i are `hashes[offsets[i]:offsets[i + 1]]`."""

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    def owners(self) -> NDArray[np.int64]:
        """The row of each n-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def grams(texts: Any, words: WordsKind, n: int) -> Grams:
    """The n-grams of each text of a large_string column; a null has none."""
    from codata_jobs.kernels import ngrams as kernels

    hashes, offsets, base = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)], 0
    for group in text_groups(texts):
        w = text_words.words(simplify(group), words)
        hashes.append(kernels.ngram_hashes(w.data, w.starts, w.ends, w.offsets, n))
        offsets.append(base + kernels.ngram_offsets(w.offsets, n)[1:])
        base += len(hashes[-1])
    return Grams(np.concatenate(hashes), np.concatenate(offsets))


def text_groups(texts: Any) -> Iterator[Any]:
    """A column as arrays of rows in order, with about `GROUP_BYTES` of text each; a null is empty."""
    flat: Any = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if flat.null_count:
        flat = pc.fill_null(flat, pa.scalar("", flat.type))
    _, rows = text_words.buffers(flat)
    at = 0
    while at < len(flat):
        end = int(np.searchsorted(rows, rows[at] + GROUP_BYTES, side="right")) - 1
        end = max(at + 1, end)
        yield flat.slice(at, end - at)
        at = end


def overlapping(before: Any, after: Any, words: WordsKind, n: int) -> NDArray[np.uint64]:
    """The n-grams that begin in a row's text in `before` and end in its text in `after`, all rows' in order.

    Words are found in each text by itself, as datatrove does for a question and its answer.
    """
    from codata_jobs.kernels import ngrams as kernels

    left = [text_words.words(simplify(group), words).lists() for group in text_groups(before)]
    right = [text_words.words(simplify(group), words).lists() for group in text_groups(after)]
    joined = [
        " ".join(a[len(a) - min(len(a), n - 1) :] + b[: n - 1])
        for a, b in zip(chain(*left), chain(*right), strict=True)
    ]
    w = text_words.words(pa.array(joined, pa.large_string()), "whitespace")
    return kernels.ngram_hashes(w.data, w.starts, w.ends, w.offsets, n)
