"""The step `dedup.sentences`.

Hashes of spans travel to partitions, where all equal ones meet; what comes back to a part is which spans of
which rows stand earlier in the dataset, and the part's texts are written anew without them.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from codata.ops import Bulk, Context, Inputs, Outputs, Params, Traced, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import FilterParams, GlobalStep, StepPlan, Verdicts, step
from codata_jobs.columns import need_text, reasons, replaced
from codata_jobs.dedup.ending import Asked, ended, led_back, out_and_dropped, plan_ending
from codata_jobs.dedup.spans import sentences, spans, without
from codata_jobs.text import words as text_words
from codata_jobs.text.sentences import count_sentences

_SENTENCE: Final = "sentence"
_HASH: Final = "hash"

_SPAN_BYTES: Final = 24
"""Of one span on its way: hash, row, sentence, origin, partition."""


class SentenceParams(FilterParams):
    """What repeats, and what must be left."""

    column: str = Field(description="The column of text.")
    n: int = Field(default=3, ge=1, le=256, description="Sentences of a span.")
    min_words: int = Field(
        default=50, ge=0, description="Words that a text must have left, if it lost any sentence."
    )
    min_sentences: int = Field(
        default=3, ge=0, description="Sentences that a text must have left, if it lost any."
    )


class SpanParams(Params):
    """What a span is."""

    column: str
    n: int = Field(ge=1, le=256)

    def engines_used(self) -> tuple[str, ...]:
        """Unicode data for simplifying, and what finds sentences."""
        return ("unicode", *text_words.engines("spacy-en"))


class ScatterParams(Params):
    """How hashes are partitioned."""

    partitions: int = Field(ge=1)
    split: ex.Split


class LaterParams(ex.Where):
    """What to read, and how answers are split by part."""

    split: ex.Split


class RewriteParams(SpanParams, FilterParams):
    """What a span is, and what must be left; `dropped`: keep dropped rows too, with the name of `step`."""

    min_words: int
    min_sentences: int
    step: str
    dropped: bool


# A sentence is some hundred bytes.
@op(
    "dedup.sentences/spans",
    version=1,
    params=SpanParams,
    gives=lambda params, taken: Bulk(taken.rows * taken.row_bytes / 100, 16),
)
def hashes(ctx: Context, params: SpanParams, inputs: Inputs) -> Outputs:
    """Row, first sentence and hash of every span of a part. Does not depend on other parts."""
    (part,) = inputs["data"]
    found = spans(ctx.table(part)[params.column], params.n)
    columns = {
        ex.ROW: pa.array(found.rows.astype(np.uint32)),
        _SENTENCE: pa.array(found.sentences.astype(np.uint32)),
        _HASH: pa.array(found.hashes),
    }
    return {"out": ctx.put_table(pa.table(columns))}


@op(
    "dedup.sentences/scatter",
    version=1,
    params=ScatterParams,
    gives=lambda params, taken: Bulk(taken.rows, _SPAN_BYTES),
)
def scatter(ctx: Context, params: ScatterParams, inputs: Inputs) -> Outputs:
    """The hashes of a part by partition."""
    (part,) = inputs["spans"]
    table = ctx.table(part)
    rows = table.add_column(0, ex.ORIGIN, pa.array(np.zeros(table.num_rows, np.uint32)))
    numbers = ex.spread(table[_HASH].to_numpy(), params.partitions)
    return {"out": ex.scatter(ctx, rows, numbers, params.split)}


@op("dedup.sentences/later", version=1, params=LaterParams)
def later(ctx: Context, params: LaterParams, inputs: Inputs) -> Outputs:
    """The spans of a partition that stand earlier in the dataset, or in their text, by part."""
    table = ex.gather(ctx, inputs["files"], params)
    repeated = np.ones(table.num_rows, np.bool_)
    repeated[np.unique(table[_HASH].to_numpy(), return_index=True)[1]] = False
    found = table.select([ex.ORIGIN, ex.ROW, _SENTENCE]).filter(pa.array(repeated))
    rows = found.select([ex.ROW, _SENTENCE])
    return {"out": ex.scatter(ctx, rows, found[ex.ORIGIN].to_numpy(), params.split)}


@op("dedup.sentences/rewrite", version=1, params=RewriteParams)
def rewrite(ctx: Context, params: RewriteParams, inputs: Inputs) -> Outputs:
    """A part without the spans that an answer lists, nor rows of which too little is left, or with the reason
    beside them."""
    return ended(ctx, params, *_rewritten(ctx, params, inputs))


@rewrite.traced
def _rewrite(
    ctx: Context, params: RewriteParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    table, verdicts = _rewritten(ctx, params, inputs)
    before, after = table[params.column], verdicts.rows[params.column]

    def did(row: int) -> str:
        return "kept" if before[row] == after[row] else f"{params.column} changed"

    return led_back(params, verdicts, output, rows, did)


def _rewritten(ctx: Context, params: RewriteParams, inputs: Inputs) -> tuple[pa.Table, Verdicts]:
    """A part, and what becomes of it; without an answer all stays as it is."""
    (part,), answers = inputs["data"], inputs.get("spans", ())
    table = ctx.table(part)
    if not answers:
        return table, Verdicts(table, pa.nulls(table.num_rows, pa.large_string()))
    found = ctx.table(answers[0])
    rows, starts = np.unique(found[ex.ROW].to_numpy(), return_index=True)
    dropped = np.split(found[_SENTENCE].to_numpy().astype(np.int64), starts[1:])
    chosen: Any = pa.array(rows)
    texts = table[params.column].take(chosen).combine_chunks()
    made = pa.array(without(texts, sentences(texts), dropped, params.n), pa.large_string())
    why = _verdicts(params, made)
    changed = pc.if_else(why.is_null(), made, pa.scalar(None, pa.large_string()))
    values = pc.coalesce(_scattered(changed, rows, table.num_rows), table[params.column])
    return table, Verdicts(replaced(table, params.column, values), _scattered(why, rows, table.num_rows))


def _verdicts(params: RewriteParams, texts: Any) -> Any:
    """Why too little is left of each text, or null."""
    found = text_words.words(texts, "spacy-en")
    return reasons(
        {
            "nothing left": np.diff(found.rows) == 0,
            "few words left": np.diff(found.offsets) < params.min_words,
            "few sentences left": count_sentences(found) < params.min_sentences,
        }
    )


def _scattered(values: Any, rows: Any, count: int) -> Any:
    """An array of `count` with the values at these rows, null elsewhere."""
    where = np.zeros(count, np.int64)
    where[rows] = np.arange(len(rows))
    elsewhere = np.ones(count, np.bool_)
    elsewhere[rows] = False
    return values.take(pa.array(where, mask=elsewhere))


@step
class SentenceDedup(GlobalStep):
    """Take out of texts what earlier texts have said: spans of sentences that stand earlier in the dataset.

    Rule: sentences are those of spaCy's sentencizer; each is simplified as in dedup.minhash. Of equal spans
    of `n` sentences, compared by 64-bit hashes, the first in dataset order stays, and all sentences of the
    others are taken out of their texts; spans without any word are left alone. What is left of a text loses
    white space before it. A text that lost a sentence is dropped if nothing is left ("nothing left"), or
    fewer than `min_words` words ("few words left") or `min_sentences` sentences ("few sentences left"); a
    dropped row keeps its text as it came, and so does one that is annotated with a reason. Empty texts and
    nulls stay.
    Source: datatrove 0.10, `pipeline/dedup/sentence_dedup.py`, on one file; its readers skip empty texts.
    The idea is from C4 (Raffel and others 2020).
    Engines: unicode, spacy.
    Memory: about a part, or a partition of 64 MiB, in a task.
    """

    name = "dedup.sentences"
    version = 1
    params = SentenceParams
    outputs = ("out", "dropped")

    def schema(self, params: SentenceParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema, and that of dropped rows."""
        need_text(schemas["data"], params.column, self.name)
        return out_and_dropped(schemas["data"], self.name, params.annotate)

    def plan(
        self, params: SentenceParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Hashes of each part, repeats of each partition, texts without them."""
        data, asked = inputs["data"], Asked(self.name, params.annotate, wanted)
        span = SpanParams(column=params.column, n=params.n)
        made = tuple(planner.task("dedup.sentences/spans", 1, span, data=[p.cid]) for p in data.parts)
        results = (yield Stage(f"{self.name}: spans", made)) if made else ()
        repeats = yield from _repeats(planner, self.name, [Part.of(o) for o in outputs(results)])
        rewriting = RewriteParams(**params.model_dump(), step=self.name, dropped=asked.dropped)
        tasks = {
            i: planner.task(
                "dedup.sentences/rewrite",
                1,
                rewriting,
                data=[part.cid],
                spans=[found.cid] if found.rows else [],
            )
            for i, (part, found) in enumerate(zip(data.parts, repeats, strict=True))
            if asked.judges(part, found.rows > 0)
        }
        return (yield from plan_ending(asked, f"{self.name}: rewrite", data, tasks))


def _repeats(planner: Planner, name: str, found: list[Part]) -> Generator[Stage, Results, tuple[Part, ...]]:
    """To each part the spans that stand earlier, in the order of its rows."""
    if not any(p.rows for p in found):
        return tuple(found)
    layout = ex.Layout.of(ex.partitions(sum(p.rows for p in found) * _SPAN_BYTES), len(found))
    params = ScatterParams(partitions=layout.partitions, split=layout.split())
    tasks = tuple(planner.task("dedup.sentences/scatter", 1, params, spans=[p.cid]) for p in found)
    files = [o.cid for o in outputs((yield Stage(f"{name}: scatter", tasks)))]
    slices = yield from ex.exchange(planner, name, files, layout)
    back = ex.Layout.of(len(found), len(slices)).split()
    tasks = tuple(
        planner.task(
            "dedup.sentences/later", 1, LaterParams(**s.where.model_dump(), split=back), files=s.files
        )
        for s in slices
    )
    files = [o.cid for o in outputs((yield Stage(f"{name}: repeats", tasks)))]
    return (yield from ex.answers(planner, name, files, len(found)))
