"""What a word is: the parameter `words` of every step that counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

Numbers = np.ndarray[Any, np.dtype[Any]]

WordsKind = Literal["spacy-en", "unicode", "whitespace"]
"""`spacy-en`: the tokens of spaCy's English tokenizer, punctuation among them, as datatrove 0.10 counts them.
`unicode`: longest runs of letters, marks, numbers and connectors (categories L, M, N, Pc).
`whitespace`: longest runs without white space (`str.isspace`)."""


@dataclass(frozen=True)
class Words:
    """All words of a column of texts, in order.

    `data`: the column's UTF-8 (uint8); `rows`: byte positions of the texts in it, one more than there are
    texts. `starts`, `ends`: byte positions of each word in `data`; `offsets`: one more than there are texts:
    word k of text i is `offsets[i] + k`. All int64 but `data`.
    """

    data: Numbers
    rows: Numbers
    starts: Numbers
    ends: Numbers
    offsets: Numbers

    def text(self, word: int) -> str:
        """One word."""
        return bytes(self.data[self.starts[word] : self.ends[word]]).decode()

    def lists(self) -> list[list[str]]:
        """Each text's words."""
        found = [self.text(word) for word in range(len(self.starts))]
        return [found[a:b] for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)]


def words(texts: pa.Array[Any], kind: WordsKind) -> Words:
    """The words of texts without nulls. White space is never part of a word.

    Raises `NotCheckable` where the packages of the extra `text` are missing.
    """
    data, rows = buffers(texts)
    if kind == "spacy-en":
        from codata_jobs.text.lexicon import spacy_words

        return Words(data, rows, *spacy_words(data, rows))
    from codata_jobs.kernels.runs import runs
    from codata_jobs.text import characters

    rule = (characters.WORD, characters.WORD) if kind == "unicode" else (characters.SPACE, 0)
    table, none = characters.table(), np.empty(0, np.int64)
    offsets = np.empty(len(rows), np.int64)
    count = runs(data, rows, table, *rule, none, none, offsets)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    runs(data, rows, table, *rule, starts, ends, offsets)
    return Words(data, rows, starts, ends, offsets)


def word_counts(texts: pa.Array[Any], kind: WordsKind) -> Numbers:
    """How many words each of these texts has (int64): as `words`, without a place in memory for each."""
    data, rows = buffers(texts)
    if kind == "spacy-en":
        from codata_jobs.text.lexicon import spacy_words

        return np.diff(spacy_words(data, rows, places=False)[2])
    return np.diff(words(texts, kind).offsets)


def engines(kind: WordsKind) -> tuple[str, ...]:
    """The engines whose versions may show in words of this kind."""
    return {"spacy-en": ("spacy", "unicode"), "unicode": ("unicode",), "whitespace": ()}[kind]


def buffers(texts: pa.Array[Any]) -> tuple[Numbers, Numbers]:
    """A text array's UTF-8 (uint8) and the byte positions of its texts (int64, one more than texts).

    No copy; read only. A null has the bytes that stand under it: none in a canonical table.
    """
    offsets: Any
    data: Any
    _, offsets, data = texts.buffers()
    if offsets is None:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    rows = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    text = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    # Some buffers could be written to: kernels would be compiled for these once more.
    text.flags.writeable = rows.flags.writeable = False
    return text, rows
