"""Sentences of a column of texts: their hashes in spans of several, and texts without some of them.

Sentences are spaCy's (`codata_jobs.text.sentences`), each simplified by itself (`codata_jobs.simplify`); a
span's hash is XXH64 of its sentences joined by single spaces, as datatrove 0.10 computes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from codata_jobs.dedup.grams import text_groups
from codata_jobs.simplify import simplify
from codata_jobs.text import sentences as text_sentences
from codata_jobs.text.words import Words, buffers, words


@dataclass(frozen=True)
class Sentences:
    """Sentence k of text i is `data[begins[s]:ends[s]]` (UTF-8) with s = firsts[i] + k.

    A sentence begins where the one before it ended. `blank`: those of white space alone; only a text's last
    can be.
    """

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    firsts: NDArray[np.int64]
    blank: NDArray[np.bool_]


@dataclass(frozen=True)
class Spans:
    """Spans of sentences that are not empty: row, number of the first sentence, hash."""

    rows: NDArray[np.int64]
    sentences: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def sentences(texts: Any) -> Sentences:
    """The sentences of texts without nulls; one space at a text's end belongs to none."""
    found: Words = words(texts, "spacy-en")
    stops, firsts = text_sentences.sentences(found)
    last = firsts[1:] - 1
    begins = np.concatenate([np.zeros(1, np.int64), stops[:-1]])
    begins[firsts[:-1]] = found.rows[:-1]
    worded = found.rows[:-1].copy()  # where the last word of each text ends
    some = np.diff(found.offsets) > 0
    worded[some] = found.ends[found.offsets[1:][some] - 1]
    spare = found.rows[1:] - worded == 1
    spare[spare] = found.data[worded[spare]] == ord(" ")
    stops = stops.copy()
    stops[last[spare]] = worded[spare]
    blank = np.zeros(len(stops), np.bool_)
    blank[last] = worded <= begins[last]
    return Sentences(found.data, begins, stops, firsts, blank)


def spans(texts: Any, n: int) -> Spans:
    """All spans of `n` sentences of a large_string column; a null has none."""
    made, base = [Spans(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint64))], 0
    for group in text_groups(texts):
        made.append(_spans(sentences(group), n, base))
        base += len(group)
    return Spans(
        *(np.concatenate([getattr(s, name) for s in made]) for name in ("rows", "sentences", "hashes"))
    )


def _spans(found: Sentences, n: int, base: int) -> Spans:
    from codata_jobs.kernels import ngrams

    kept = ~found.blank
    counts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[found.firsts]
    cut: Any = pa.array(np.append(found.begins, found.ends[-1:]))
    every = pa.LargeStringArray.from_buffers(
        len(found.begins), cut.buffers()[1], pa.py_buffer(found.data.data)
    )
    simple = simplify(every.filter(pa.array(kept)))
    data, where = buffers(simple)
    hashes = ngrams.ngram_hashes(data, where[:-1], where[1:], counts, n)
    per_row = ngrams.ngram_offsets(counts, n)
    rows = np.repeat(np.arange(len(counts) - 1), np.diff(per_row))
    numbers = np.arange(len(hashes)) - per_row[rows]
    first = counts[rows] + numbers
    some = where[first + n] > where[first]  # a span of signs alone has no words, and repeats everywhere
    return Spans(rows[some] + base, numbers[some], hashes[some])


def without(texts: Any, found: Sentences, dropped: Sequence[NDArray[np.int64]], n: int) -> list[str]:
    """Each text without the spans of `n` sentences that begin at the numbers given, nor white space before
    what is left."""
    data = found.data.tobytes()
    made = []
    for row, numbers in enumerate(dropped):
        first, end = found.firsts[row], found.firsts[row + 1]
        stays = np.ones(end - first, np.bool_)
        for number in numbers.tolist():
            stays[number : number + n] = False
        pieces = (data[found.begins[s] : found.ends[s]] for s in first + np.flatnonzero(stays))
        made.append(b"".join(pieces).decode().lstrip())
    return made
