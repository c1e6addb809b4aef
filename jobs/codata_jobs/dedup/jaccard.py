"""Verification of candidate pairs: their n-gram sets meet, and pairs below the threshold are forgotten.

Sets are large, so they are made again from the texts, for candidates alone, and travel one way: a row's set
goes once to each part that holds a later row to compare it with.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cid_store.cid import CID
from codata.errors import TaskFailed
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata_jobs.dedup.edges import A, B, Edges, Rows, part_of, place_of
from codata_jobs.dedup.grams import GramParams, grams
from codata_jobs.drawing import Share

_TO = "to"
_SET = "set"


class AskParams(Params):
    """How candidates are split by part."""

    split: ex.Split


class SetParams(GramParams):
    """What an n-gram is, and how sets are split by the part that they go to."""

    split: ex.Split


class CompareParams(GramParams, ex.Where):
    """What an n-gram is, which sets to read, and from which Jaccard similarity a pair stays."""

    threshold: Share


@op("dedup.minhash/ask", version=1, params=AskParams)
def ask(ctx: Context, params: AskParams, inputs: Inputs) -> Outputs:
    """Edges by the part of their earlier row (which sets are wanted, and where) and by that of the later."""
    edges = Edges.of(ctx.table(inputs["edges"][0]))
    to = Edges(edges.a, part_of(edges.b).astype(np.uint64)).distinct()
    wanted = pa.table({ex.ROW: pa.array(place_of(to.a)), A: pa.array(to.a), _TO: pa.array(to.b)})
    asked = pa.table({ex.ROW: pa.array(place_of(edges.b)), A: pa.array(edges.a), B: pa.array(edges.b)})
    return {
        "wanted": ex.scatter(ctx, wanted, part_of(to.a), params.split),
        "asked": ex.scatter(ctx, asked, part_of(edges.b), params.split),
    }


@op("dedup.minhash/sets", version=1, params=SetParams)
def sets(ctx: Context, params: SetParams, inputs: Inputs) -> Outputs:
    """The n-gram sets of the rows of a part that are wanted, by the part that wants them."""
    (part,), (wanted,) = inputs["data"], inputs["rows"]
    table = ctx.table(wanted)
    edges = Edges(table[A].to_numpy(), table[_TO].to_numpy()).distinct()
    rows, places = np.unique(edges.a, return_inverse=True)
    found, where = _sets(ctx, params, part, rows)
    made = pa.table({A: pa.array(edges.a), _SET: _lists(found, where).take(_indices(places))})
    return {"out": ex.scatter(ctx, made, edges.b.astype(np.uint32), params.split)}


@op("dedup.minhash/compare", version=1, params=CompareParams)
def compare(ctx: Context, params: CompareParams, inputs: Inputs) -> Outputs:
    """The edges whose later row lies in a part, and whose sets are as similar as the threshold."""
    from codata_jobs.kernels.sets import shared

    (part,), (asked,) = inputs["data"], inputs["rows"]
    edges = Edges(ctx.table(asked)[A].to_numpy(), ctx.table(asked)[B].to_numpy()).distinct()
    rows, own = np.unique(edges.b, return_inverse=True)
    found, where = _sets(ctx, params, part, rows)
    given = ex.gather(ctx, inputs["files"], params)
    order = np.argsort(given[A].to_numpy(), kind="stable")
    ordered = given[A].to_numpy()[order]
    if not np.isin(edges.a, ordered).all():
        raise TaskFailed("dedup.minhash: a row is to be compared whose n-grams are not given", cid=asked)
    theirs = np.searchsorted(ordered, edges.a)
    held: Any = given[_SET].combine_chunks().take(_indices(order))
    held_at = held.offsets.to_numpy()
    held_hashes = held.values.to_numpy()
    pairs = np.stack([own, theirs], axis=1)
    both = shared(found, where, held_hashes, held_at, pairs)
    either = np.diff(where)[own] + np.diff(held_at)[theirs] - both
    similar = np.array(list(map(_at_least(params.threshold), both.tolist(), either.tolist())), np.bool_)
    return {"out": ctx.put_table(Edges(edges.a[similar], edges.b[similar]).table())}


def _at_least(threshold: Share) -> Callable[[int, int], bool]:
    """Whether a share, given as numerator and denominator, is at least the threshold."""
    least = Fraction(threshold)
    return lambda some, of: some * least.denominator >= of * least.numerator


def _lists(values: NDArray[np.uint64], where: NDArray[np.int64]) -> Any:
    offsets: Any = pa.array(where)
    return pa.LargeListArray.from_arrays(offsets, pa.array(values))


def _indices(numbers: NDArray[np.int64]) -> Any:
    return pa.array(numbers)


_Sets: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int64]]


def _sets(ctx: Context, params: GramParams, part: CID, rows: Rows) -> _Sets:
    """The n-gram sets of these rows of a part, one after another, and where each begins."""
    from codata_jobs.kernels.sets import sorted_sets

    texts = ctx.table(part)[params.column].take(_indices(place_of(rows).astype(np.int64)))
    found = grams(texts, params.words, params.n)
    return sorted_sets(found.hashes, found.offsets, np.arange(len(rows)))


def verified(
    planner: Planner, name: str, gram: GramParams, threshold: Share, data: Parts, edges: Sequence[Part]
) -> Generator[Stage, Results, tuple[Part, ...]]:
    """The edges of which the true similarity is at least `threshold`; pairs that several bands share are
    compared once."""
    count = len(data.parts)
    params = AskParams(split=ex.Layout.of(count, len(edges)).split())
    tasks = tuple(planner.task("dedup.minhash/ask", 1, params, edges=[p.cid]) for p in edges if p.rows)
    results = yield Stage(f"{name}: candidates", tasks)
    wanted = yield from ex.answers(planner, name, [o.cid for o in outputs(results, "wanted")], count)
    asked = yield from ex.answers(planner, name, [o.cid for o in outputs(results, "asked")], count)
    words = gram.model_dump(include=set(GramParams.model_fields))
    giving = [i for i in range(count) if wanted[i].rows]
    layout = ex.Layout.of(count, len(giving))
    setting = SetParams(**words, split=layout.split())
    tasks = tuple(
        planner.task("dedup.minhash/sets", 1, setting, data=[data.parts[i].cid], rows=[wanted[i].cid])
        for i in giving
    )
    files = [o.cid for o in outputs((yield Stage(f"{name}: n-gram sets", tasks)))]
    slices = yield from ex.exchange(planner, name, files, layout)
    tasks = tuple(
        planner.task(
            "dedup.minhash/compare",
            1,
            CompareParams(**words, **slices[i].where.model_dump(), threshold=threshold),
            data=[data.parts[i].cid],
            rows=[asked[i].cid],
            files=slices[i].files,
        )
        for i in range(count)
        if asked[i].rows
    )
    results = yield Stage(f"{name}: compare", tasks)
    return tuple(Part.of(o) for o in outputs(results) if o.rows)
