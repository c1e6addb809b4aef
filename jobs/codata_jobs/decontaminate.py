"""The step `decontaminate`."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from codata.errors import TaskFailed
from codata.ops import Context, Inputs, Outputs, Params, Traced, op
from codata.plan.stage import FAN_IN, Part, Parts, Planner, Results, Stage, outputs
from codata.steps import FilterParams, GlobalStep, StepPlan, Verdicts, step
from codata_jobs.columns import need_text, reasons
from codata_jobs.dedup.ending import Asked, ended, led_back, out_and_dropped, plan_ending
from codata_jobs.dedup.grams import GramParams, grams, overlapping
from codata_jobs.text.words import WordsKind

REASON: Final = "contaminated"

MAX_INDEX: Final = 1 << 27
"""Different n-grams of an evaluation set, which every task holds: one GiB."""

_HASH: Final = "hash"


class DecontaminateParams(FilterParams):
    """Which texts are looked through, and what they must not hold."""

    column: str = Field(description="The column of text that is looked through.")
    label: str = Field(description="The evaluation set's column of answers.")
    query: str | None = Field(default=None, description="The evaluation set's column of questions.")
    query_ngrams: bool = Field(default=False, description="Look for n-grams of the questions alone, too.")
    overlap: bool = Field(
        default=True, description="Look for n-grams that begin in a question and end in its answer, too."
    )
    words: WordsKind = Field(default="spacy-en", description="What a word is.")
    n: int = Field(default=12, ge=1, le=256, description="Words of an n-gram.")


class IndexParams(GramParams):
    """What is taken of an evaluation set; `column` holds the answers."""

    query: str | None
    query_ngrams: bool
    overlap: bool


class JudgeParams(GramParams):
    """What an n-gram is, and what becomes of rows: see `FilterParams`; `dropped`: keep dropped rows too."""

    step: str
    annotate: str | None
    dropped: bool


class NoParams(Params):
    """No parameters."""


@op("decontaminate/index", version=1, params=IndexParams)
def index(ctx: Context, params: IndexParams, inputs: Inputs) -> Outputs:
    """The n-grams of a part of the evaluation set, sorted, each once."""
    (part,) = inputs["against"]
    table = ctx.table(part)
    found = [grams(table[params.column], params.words, params.n).hashes]
    if params.query is not None and params.query_ngrams:
        found.append(grams(table[params.query], params.words, params.n).hashes)
    if params.query is not None and params.overlap:
        found.append(overlapping(table[params.query], table[params.column], params.words, params.n))
    return {"out": ctx.put_table(_index(np.concatenate(found)))}


@op("decontaminate/join", version=1, params=NoParams)
def join(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """Several indices as one."""
    found: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    for cid in inputs.get("indices", ()):
        found.append(ctx.table(cid)[_HASH].to_numpy())
        if sum(map(len, found)) > MAX_INDEX:  # what several have counts once, however they were divided
            found = [_distinct(np.concatenate(found))]
    return {"out": ctx.put_table(_index(np.concatenate(found)))}


@op("decontaminate/judge", version=1, params=JudgeParams)
def judge(ctx: Context, params: JudgeParams, inputs: Inputs) -> Outputs:
    """A part by what the index knows of its n-grams."""
    verdicts = _judged(ctx, params, inputs)
    return ended(ctx, params, verdicts.rows, verdicts)


@judge.traced
def _judge(
    ctx: Context, params: JudgeParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    return led_back(params, _judged(ctx, params, inputs), output, rows)


def _judged(ctx: Context, params: JudgeParams, inputs: Inputs) -> Verdicts:
    """Which rows of a part hold what the index knows."""
    (part,), (against,) = inputs["data"], inputs["index"]
    table, known = ctx.table(part), ctx.table(against)[_HASH].to_numpy()
    found = grams(table[params.column], params.words, params.n)
    bad = np.zeros(table.num_rows, np.bool_)
    bad[found.owners()[_member(found.hashes, known)]] = True
    return Verdicts(table, reasons({REASON: bad}))


def _distinct(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sorted, each once; raises `TaskFailed` for more than a task could hold."""
    found = np.unique(hashes)
    if len(found) > MAX_INDEX:
        raise TaskFailed(
            f"decontaminate: the evaluation set has more than {MAX_INDEX} different n-grams",
            next_step="divide it, and give each part a step of its own",
        )
    return found


def _index(hashes: NDArray[np.uint64]) -> pa.Table:
    return pa.table({_HASH: pa.array(_distinct(hashes))})


def _member(hashes: NDArray[np.uint64], known: Any) -> NDArray[np.bool_]:
    """Which hashes are among `known`, which are sorted."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == hashes
    return found


@step
class Decontaminate(GlobalStep):
    """Drop texts that hold an n-gram of an evaluation set, the second input `against`.

    Rule: texts are simplified and cut in words as in dedup.minhash. A text is dropped, with the reason
    "contaminated", if one of its n-grams of `n` words is one of an answer (`label`); with `overlap` also one
    that begins in a question (`query`) and ends in its answer; with `query_ngrams` also one of a question
    alone. Nulls hold nothing, on both sides: a null text stays.
    Source: datatrove 0.10, `pipeline/decont/n_grams.py`, the same n-grams by the same 64-bit hashes.
    Engines: unicode; spacy with words: spacy-en.
    Memory: every task holds the evaluation set's n-grams, 8 bytes each.
    """

    name = "decontaminate"
    version = 1
    params = DecontaminateParams
    inputs = ("data", "against")
    outputs = ("out", "dropped")

    def schema(
        self, params: DecontaminateParams, schemas: Mapping[str, pa.Schema]
    ) -> Mapping[str, pa.Schema]:
        """The input's schema, with the reasons if rows are annotated, and that of dropped rows."""
        data, against = schemas["data"], schemas["against"]
        need_text(data, params.column, self.name)
        for column in (params.label, params.query):
            if column is not None:
                need_text(against, column, f"{self.name}, evaluation set")
        return out_and_dropped(data, self.name, params.annotate)

    def plan(
        self,
        params: DecontaminateParams,
        inputs: Mapping[str, Parts],
        planner: Planner,
        wanted: frozenset[str],
    ) -> StepPlan:
        """An index of the evaluation set, then a verdict on each part."""
        data, against = inputs["data"], inputs["against"]
        asked = Asked(self.name, params.annotate, wanted)
        judging = JudgeParams(
            column=params.column,
            words=params.words,
            n=params.n,
            step=self.name,
            annotate=asked.annotate,
            dropped=asked.dropped,
        )
        tasks = {}
        if data.parts:
            known = yield from _indexed(params, planner, against)
            for i, part in enumerate(data.parts):
                tasks[i] = planner.task("decontaminate/judge", 1, judging, data=[part.cid], index=[known.cid])
        return (yield from plan_ending(asked, self.name, data, tasks))


def _indexed(
    params: DecontaminateParams, planner: Planner, against: Parts
) -> Generator[Stage, Results, Part]:
    """One index of all parts of the evaluation set."""
    asked = IndexParams(
        column=params.label,
        words=params.words,
        n=params.n,
        query=params.query,
        query_ngrams=params.query_ngrams,
        overlap=params.overlap,
    )
    tasks = tuple(planner.task("decontaminate/index", 1, asked, against=[p.cid]) for p in against.parts)
    results = (yield Stage("decontaminate: index", tasks)) if tasks else ()
    found = [Part.of(o) for o in outputs(results)]
    while len(found) != 1:
        groups = [found[i : i + FAN_IN] for i in range(0, len(found), FAN_IN)] or [[]]
        tasks = tuple(
            planner.task("decontaminate/join", 1, NoParams(), indices=[p.cid for p in group])
            for group in groups
        )
        found = [Part.of(o) for o in outputs((yield Stage("decontaminate: one index", tasks)))]
    return found[0]
