"""Sentences, as datatrove counts them in English: by spaCy's sentencizer."""

from __future__ import annotations

import numpy as np

from codata_jobs.text import characters
from codata_jobs.text.words import Numbers, Words


def sentences(words: Words) -> tuple[Numbers, Numbers]:
    """Where each sentence ends (int64, byte positions in `words.data`), and each text's first sentence.

    `words`: of the kind `spacy-en`. A sentence begins where the one before it ends, or with its text; white
    space between two may be in either. Every text has at least one, the empty text too.
    """
    from codata_jobs.kernels import sentences as kernel

    where = words.data, words.rows, words.starts, words.ends, words.offsets
    rules = characters.table(), characters.PUNCTUATION, characters.SENTENCE_END
    firsts = np.empty(len(words.rows), np.int64)
    count = kernel.sentences(*where, *rules, np.empty(0, np.int64), firsts)
    stops = np.empty(count, np.int64)
    kernel.sentences(*where, *rules, stops, firsts)
    return stops, firsts


def count_sentences(words: Words) -> Numbers:
    """How many sentences each text has (int64)."""
    from codata_jobs.kernels import sentences as kernel

    firsts = np.empty(len(words.rows), np.int64)
    kernel.sentences(
        *(words.data, words.rows, words.starts, words.ends, words.offsets),
        *(characters.table(), characters.PUNCTUATION, characters.SENTENCE_END),
        *(np.empty(0, np.int64), firsts),
    )
    return np.diff(firsts)
