"""The step `text.c4`."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, step
from codata_jobs.columns import need_text, reasons, replaced
from codata_jobs.text import characters
from codata_jobs.text.judging import Numbers, blocks, filled, word_engines
from codata_jobs.text.sentences import count_sentences, sentences
from codata_jobs.text.words import Words, buffers, words

END_MARKS: Final = b".?!\"'"
CITATIONS: Final = (b"[edit]", b"[citation needed]")
LOREM_IPSUM: Final = b"lorem ipsum"
JAVASCRIPT: Final = b"javascript"
CURLY: Final = b"{"
POLICY: Final = (
    b"terms of use",
    b"privacy policy",
    b"cookie policy",
    b"uses cookies",
    b"use of cookies",
    b"use cookies",
)

PHRASES: Final = (LOREM_IPSUM, JAVASCRIPT, CURLY, *POLICY)


class C4Params(FilterParams):
    """Names and defaults are datatrove's."""

    column: str = Field(description="The column of texts; those that stay are written anew.")
    sentences: Literal["spacy-en"] = Field(
        default="spacy-en", description="What a sentence is: that of spaCy's sentencizer for English."
    )
    split_paragraph: bool = Field(
        default=True,
        description="Whether rules are for lines; else for sentences, which are joined by spaces.",
    )
    remove_citations: bool = Field(
        default=True, description="Whether `[1]`, `[]`, `[edit]` and `[citation needed]` go."
    )
    filter_no_terminal_punct: bool = Field(
        default=True,
        description="Whether lines go that do not end in one of `. ? ! \" '`, or that end in `...`.",
    )
    min_num_sentences: int = Field(
        default=5, ge=-1, description="Fewest sentences in the lines that stay; -1: any."
    )
    min_words_per_line: int = Field(default=3, ge=-1, description="Fewest words in a line; -1: any.")
    max_word_length: int = Field(
        default=1000, ge=-1, description="Most characters of a word in a line; -1: any."
    )
    filter_lorem_ipsum: bool = Field(default=True, description='Whether texts with "lorem ipsum" go.')
    filter_javascript: bool = Field(default=True, description='Whether lines with "javascript" go.')
    filter_curly_bracket: bool = Field(default=True, description="Whether texts with `{` go.")
    filter_policy: bool = Field(
        default=True, description="Whether lines about terms of use, privacy and cookies go."
    )


@step
class C4(FilterStep):
    """Keep the lines of a text that look like sentences, and the texts that have enough of them, as C4 does.

    Rule: of each line (`str.splitlines`, white space at its ends taken off), words being what stands between
    white space, in this order: with a word over `max_word_length` characters the line goes. `[` digits `]`,
    `[edit]` and `[citation needed]` are taken out. What does not end in `. ? ! " '`, or ends in `...`, goes;
    so do lines that had fewer than `min_words_per_line` words. With "lorem ipsum" the text is dropped
    (`lorem_ipsum`); with "javascript" the line goes; with `{` the text is dropped (`curly_bracket`); with
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies" or "use cookies" the
    line goes (all in any case). Fewer than `min_num_sentences` sentences in the lines that stay:
    `too_few_sentences`. The text becomes these lines, joined by line feeds, without white space at its ends.
    A null is dropped (`null`). A text that is dropped keeps its value.
    Source: Raffel et al. 2020 (arXiv:1910.10683), as in datatrove 0.10.1, C4QualityFilter.
    Engines: unicode, spacy.
    """

    name = "text.c4"
    version = 1
    engines = ("unicode", "spacy")
    params = C4Params

    def engines_of(self, params: C4Params) -> tuple[str, ...]:
        """What sentences depend on, where they are asked for."""
        counted = params.min_num_sentences > 0 or not params.split_paragraph
        return word_engines(params.sentences if counted else "whitespace")

    def columns(self, params: C4Params, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: C4Params, table: pa.Table, ctx: Context) -> Verdicts:
        """Why a text is dropped, and the lines of those that stay."""
        kind = table.schema.field(params.column).type
        whys, values = [pa.array([], pa.large_string())], [pa.array([], kind)]
        for texts in blocks(table[params.column]):
            why, cleaned = _judged(filled(texts), params)
            why = reasons({"null": texts.is_null().to_numpy(zero_copy_only=False), **why})
            whys.append(why)
            values.append(pc.if_else(why.is_null(), cleaned, texts).cast(kind))
        return Verdicts(replaced(table, params.column, pa.concat_arrays(values)), pa.concat_arrays(whys))


def _judged(texts: Any, params: C4Params) -> tuple[dict[str, Numbers], Any]:
    """For each reason the texts that give it, and the texts as they are when they stay."""
    from codata_jobs.kernels import c4 as kernel

    data, rows, stops, firsts = _lines(texts, params)
    flags = characters.table()
    size = int(rows[-1] - rows[0])
    broken, made_firsts = np.zeros(len(texts), np.int64), np.empty(len(rows), np.int64)
    made, made_rows = np.empty(size, np.uint8), np.empty(len(stops) + 1, np.int64)
    count = kernel.clean(
        *(data, rows, stops, firsts, flags, (characters.SPACE, characters.DIGIT)),
        *(_rules(params), _wanted(params), _marks(), *_packed(CITATIONS)),
        *(*_packed(PHRASES), _kinds(), _heads()),
        *(made, made_rows, made_firsts, broken),
    )
    made_rows = made_rows[: count + 1]
    # As Arrow's buffers are: kernels are compiled anew for arrays that could be written.
    made.flags.writeable = made_rows.flags.writeable = False
    few = _too_few(made, made_rows, made_firsts, params)
    joined, joined_rows = np.empty(size + count, np.uint8), np.empty(len(rows), np.int64)
    between = ord("\n" if params.split_paragraph else " ")
    kernel.join_lines(made, made_rows, made_firsts, between, flags, characters.SPACE, joined, joined_rows)
    taken: list[Any] = [None, joined_rows, joined[: joined_rows[-1]]]
    held = [None if buffer is None else pa.py_buffer(buffer) for buffer in taken]
    cleaned = pa.Array.from_buffers(pa.large_string(), len(texts), held)
    return {"lorem_ipsum": broken == 1, "curly_bracket": broken == 2, "too_few_sentences": few}, cleaned


def _lines(texts: Any, params: C4Params) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """The texts' bytes and where they begin; where their lines or sentences end, and each text's first."""
    from codata_jobs.kernels import c4 as kernel

    if not params.split_paragraph:
        found = words(texts, params.sentences)
        return found.data, found.rows, *sentences(found)
    data, rows = buffers(texts)
    firsts = np.empty(len(rows), np.int64)
    stops = np.empty(kernel.most_lines(data[rows[0] : rows[-1]], len(rows)), np.int64)
    count = kernel.split_lines(data, rows, stops, firsts)
    return data, rows, stops[:count], firsts


def _too_few(lines: Numbers, rows: Numbers, firsts: Numbers, params: C4Params) -> Numbers:
    """Which texts have too few sentences in their lines."""
    if params.min_num_sentences <= 0:
        return np.zeros(len(firsts) - 1, np.bool_)
    if not params.split_paragraph:
        return np.diff(firsts) < params.min_num_sentences
    from codata_jobs.text.lexicon import spacy_words

    counts = count_sentences(Words(lines, rows, *spacy_words(lines, rows)))
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    few: Numbers = np.diff(before[firsts]) < params.min_num_sentences
    return few


def _rules(params: C4Params) -> tuple[int, int, bool, bool]:
    return (
        params.max_word_length,
        params.min_words_per_line,
        params.remove_citations,
        params.filter_no_terminal_punct,
    )


def _wanted(params: C4Params) -> int:
    from codata_jobs.kernels import c4 as kernel

    return (
        kernel.LOREM_IPSUM * params.filter_lorem_ipsum
        | kernel.JAVASCRIPT * params.filter_javascript
        | kernel.CURLY * params.filter_curly_bracket
        | kernel.POLICY * params.filter_policy
    )


def _kinds() -> Numbers:
    from codata_jobs.kernels import c4 as kernel

    return np.array(
        [kernel.LOREM_IPSUM, kernel.JAVASCRIPT, kernel.CURLY, *[kernel.POLICY] * len(POLICY)], np.int64
    )


def _heads() -> Numbers:
    found = np.zeros((256, 2), np.int64)
    for k, phrase in enumerate(PHRASES):
        for place in range(2):
            here = phrase[place : place + 1]
            found[[*here, *here.upper()] if here else slice(None), place] |= 1 << k
    return found


def _marks() -> Numbers:
    found = np.zeros(256, np.uint8)
    found[list(END_MARKS)] = 1
    return found


def _packed(strings: tuple[bytes, ...]) -> tuple[Numbers, Numbers]:
    return np.frombuffer(b"".join(strings), np.uint8), np.cumsum([0, *map(len, strings)], dtype=np.int64)
