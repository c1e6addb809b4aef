"""The step `dedup.ngrams`.

Hashes of n-grams travel to partitions, where all equal ones meet; what comes back to a part is how many
n-grams of each row an earlier row has too.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from fractions import Fraction
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.errors import TaskFailed
from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import FilterParams, GlobalStep, StepPlan, step
from codata_jobs.columns import need_text
from codata_jobs.dedup.drop import plan_drop
from codata_jobs.dedup.edges import part_of, place_of, row_numbers
from codata_jobs.dedup.ending import Asked, out_and_dropped
from codata_jobs.dedup.grams import GramParams, grams
from codata_jobs.drawing import Share
from codata_jobs.text.words import WordsKind

REASON: Final = "ngram duplicate"

_HASH: Final = "hash"
_COUNT: Final = "count"

_HASH_BYTES: Final = 20
"""Of one n-gram on its way: hash, row, origin, partition."""


class NgramParams(FilterParams):
    """What an n-gram is, and how many of a text's must be known."""

    column: str = Field(description="The column of text that is compared.")
    words: WordsKind = Field(default="spacy-en", description="What a word is.")
    n: int = Field(default=13, ge=1, le=256, description="Words of an n-gram.")
    threshold: Share = Field(
        default="4/5", description="The share of a text's n-grams in earlier texts from which it is dropped."
    )


class ScatterParams(Params):
    """How hashes are partitioned."""

    partitions: int = Field(ge=1)
    split: ex.Split


class EarlierParams(ex.Where):
    """What to read, and how answers are split by part."""

    split: ex.Split


class JudgeParams(Params):
    """From which share of known n-grams a row is dropped."""

    threshold: Share


# A word of a text, with the space after it, is some six bytes.
@op(
    "dedup.ngrams/hashes",
    version=1,
    params=GramParams,
    gives=lambda params, taken: Bulk(taken.rows * taken.row_bytes / 6, 12),
)
def hashes(ctx: Context, params: GramParams, inputs: Inputs) -> Outputs:
    """Row and hash of every n-gram of a part. Does not depend on other parts."""
    (part,) = inputs["data"]
    found = grams(ctx.table(part)[params.column], params.words, params.n)
    rows = pa.array(found.owners().astype(np.uint32))
    return {"out": ctx.put_table(pa.table({ex.ROW: rows, _HASH: pa.array(found.hashes)}))}


@op(
    "dedup.ngrams/scatter",
    version=1,
    params=ScatterParams,
    gives=lambda params, taken: Bulk(taken.rows, _HASH_BYTES),
)
def scatter(ctx: Context, params: ScatterParams, inputs: Inputs) -> Outputs:
    """The hashes of a part by partition."""
    (part,) = inputs["hashes"]
    table = ctx.table(part)
    rows = table.add_column(0, ex.ORIGIN, pa.array(np.zeros(table.num_rows, np.uint32)))
    numbers = ex.spread(table[_HASH].to_numpy(), params.partitions)
    return {"out": ex.scatter(ctx, rows, numbers, params.split)}


@op("dedup.ngrams/earlier", version=1, params=EarlierParams)
def earlier(ctx: Context, params: EarlierParams, inputs: Inputs) -> Outputs:
    """How many n-grams of each row an earlier row has too, by part."""
    table = ex.gather(ctx, inputs["files"], params)
    rows = row_numbers(table[ex.ORIGIN].to_numpy(), table[ex.ROW].to_numpy())
    found, where = np.unique(table[_HASH].to_numpy(), return_inverse=True)
    first = np.full(len(found), np.iinfo(np.uint64).max)
    np.minimum.at(first, where, rows)
    known, counts = np.unique(rows[rows > first[where]], return_counts=True)
    made = pa.table({ex.ROW: pa.array(place_of(known)), _COUNT: pa.array(counts)})
    return {"out": ex.scatter(ctx, made, part_of(known), params.split)}


@op("dedup.ngrams/judge", version=1, params=JudgeParams)
def judge(ctx: Context, params: JudgeParams, inputs: Inputs) -> Outputs:
    """The rows of a part of which enough n-grams are known."""
    (own,), (answer,) = inputs["hashes"], inputs["counts"]
    rows, totals = np.unique(ctx.table(own)[ex.ROW].to_numpy(), return_counts=True)
    table = ctx.table(answer)
    found, where = np.unique(table[ex.ROW].to_numpy(), return_inverse=True)
    known = np.zeros(len(found), np.int64)
    np.add.at(known, where, table[_COUNT].to_numpy())
    totals = totals[np.isin(rows, found)]
    if len(totals) != len(found):
        raise TaskFailed("dedup.ngrams: n-grams are said to be known of a row that has none", cid=answer)
    least = Fraction(params.threshold)
    rows = found[known * least.denominator >= totals * least.numerator]
    return {"out": ctx.put_table(pa.table({ex.ROW: pa.array(rows)}))}


@step
class NgramDedup(GlobalStep):
    """Drop texts whose n-grams are mostly those of earlier texts.

    Rule: texts are simplified and cut in words as in dedup.minhash. A text is dropped, with the reason "ngram
    duplicate", if at least `threshold` of its n-grams of `n` words, each counted as often as it occurs, stand
    in an earlier text of the dataset too, whether that one is kept or not; at least one must. A text of
    fewer than `n` words, or a null, stays.
    Source: what datatrove 0.10 (`pipeline/dedup/bloom_filter.py`: 13-grams, more than 0.8) and Dolma do with
    a Bloom filter, whose result depends on its size and on the order in which workers meet. Here n-grams are
    compared by 64-bit hashes, and earlier means earlier in the dataset.
    Engines: unicode; spacy with words: spacy-en.
    Memory: about a part, or a partition of 64 MiB, in a task.
    """

    name = "dedup.ngrams"
    version = 1
    params = NgramParams
    outputs = ("out", "dropped")

    def schema(self, params: NgramParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema, and that of dropped rows."""
        need_text(schemas["data"], params.column, self.name)
        return out_and_dropped(schemas["data"], self.name, params.annotate)

    def plan(
        self, params: NgramParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Hashes of each part, what is known of each partition, verdicts on each part."""
        data = inputs["data"]
        asked = GramParams(column=params.column, words=params.words, n=params.n)
        tasks = tuple(planner.task("dedup.ngrams/hashes", 1, asked, data=[p.cid]) for p in data.parts)
        results = (yield Stage(f"{self.name}: n-grams", tasks)) if tasks else ()
        found = [Part.of(o) for o in outputs(results)]
        known = yield from _known(planner, self.name, found)
        tasks = tuple(
            planner.task(
                "dedup.ngrams/judge",
                1,
                JudgeParams(threshold=params.threshold),
                hashes=[f.cid],
                counts=[k.cid],
            )
            for f, k in zip(found, known, strict=True)
            if k.rows
        )
        judged = outputs((yield Stage(f"{self.name}: judge", tasks))) if tasks else iter(())
        answers = [Part.of(next(judged)) if k.rows else k for k in known]
        ending = Asked(self.name, params.annotate, wanted)
        return (yield from plan_drop(planner, ending, REASON, data, answers))


def _known(planner: Planner, name: str, found: list[Part]) -> Generator[Stage, Results, tuple[Part, ...]]:
    """To each part, how many of each row's n-grams earlier rows have; by several partitions, to be added."""
    if not any(p.rows for p in found):
        return tuple(found)
    layout = ex.Layout.of(ex.partitions(sum(p.rows for p in found) * _HASH_BYTES), len(found))
    params = ScatterParams(partitions=layout.partitions, split=layout.split())
    tasks = tuple(planner.task("dedup.ngrams/scatter", 1, params, hashes=[p.cid]) for p in found)
    files = [o.cid for o in outputs((yield Stage(f"{name}: scatter", tasks)))]
    slices = yield from ex.exchange(planner, name, files, layout)
    back = ex.Layout.of(len(found), len(slices)).split()
    tasks = tuple(
        planner.task(
            "dedup.ngrams/earlier", 1, EarlierParams(**s.where.model_dump(), split=back), files=s.files
        )
        for s in slices
    )
    files = [o.cid for o in outputs((yield Stage(f"{name}: what is known", tasks)))]
    return (yield from ex.answers(planner, name, files, len(found)))
