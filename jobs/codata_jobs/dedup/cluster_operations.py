"""What tasks do to edges: find them, make them fewer, and answer to each part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.records.receipt import Output
from codata_jobs.dedup.drop import STAYS
from codata_jobs.dedup.edges import (
    Edges,
    Rows,
    groups,
    large_star,
    part_of,
    place_of,
    row_numbers,
    scattered_by,
    small_star,
)
from codata_jobs.dedup.signatures import KEY

EDGE_BYTES = 20
"""Of one edge on its way: two rows, partition."""

_PAIRED = 1 / 16
"""Edges for each band on its way: a guess, for forecasts alone."""

NODE = "node"
OTHER = "other"
NUMBER = "number"
CLUSTER = "cluster"


class NoParams(Params):
    """No parameters."""


class PairParams(ex.Where):
    """What to read; `chained`: pair each row also with the one before it that has its key."""

    chained: bool


class MeetParams(Params):
    """How edges are partitioned by node."""

    partitions: int = Field(ge=1)
    split: ex.Split


class StarParams(MeetParams, ex.Where):
    """What to read, and how the edges that come of it are partitioned."""


class AnswerParams(Params):
    """How answers are split by part; `members`: name clusters, and answer to their first rows too."""

    split: ex.Split
    members: bool


class SettleParams(AnswerParams, ex.Where):
    """What to read, and how answers are split."""


class NumbersParams(Params):
    """Rows of each part, in dataset order."""

    counts: list[int]


@op(
    "dedup.minhash/pairs",
    version=1,
    params=PairParams,
    gives=lambda params, taken: Bulk(taken.rows * _PAIRED, 16),
)
def pairs(ctx: Context, params: PairParams, inputs: Inputs) -> Outputs:
    """The edges of a partition of bands: between rows that share one."""
    rows = ex.gather(ctx, inputs["files"], params)
    numbers = row_numbers(rows[ex.ORIGIN].to_numpy(), rows[ex.ROW].to_numpy())
    found = groups(numbers, rows[KEY].combine_chunks(), params.chained)
    return {"out": ctx.put_table((found.distinct() if params.chained else found.forest()).table())}


@op("dedup.minhash/forest", version=1, params=NoParams)
def forest(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """Several parts of edges as stars: one edge for each row that is not the first of its component."""
    return {"out": ctx.put_table(_joined(ctx, inputs).forest().table())}


@op(
    "dedup.minhash/answer",
    version=1,
    params=AnswerParams,
    gives=lambda params, taken: Bulk(taken.rows, 8),
)
def answer(ctx: Context, params: AnswerParams, inputs: Inputs) -> Outputs:
    """The rows of all components but their first, by part."""
    stars = _joined(ctx, inputs).forest()
    return {"out": _answered(ctx, stars, np.unique(stars.a), params)}


@op("dedup.minhash/meet", version=1, params=MeetParams)
def meet(ctx: Context, params: MeetParams, inputs: Inputs) -> Outputs:
    """A part of edges in both directions, by node."""
    return {"out": _both_ways(ctx, _joined(ctx, inputs), params)}


@op("dedup.minhash/large", version=1, params=StarParams)
def large(ctx: Context, params: StarParams, inputs: Inputs) -> Outputs:
    """The large star of each node of a partition; its edges by their later row, for `small`."""
    found, changed = large_star(*_nodes(ctx, params, inputs))
    rows = pa.table({NODE: pa.array(found.b), OTHER: pa.array(found.a)})
    out = scattered_by(ctx, rows, found.b, params.partitions, params.split)
    return {"out": out, "changed": ctx.put_node({"changed": changed})}


@op("dedup.minhash/small", version=1, params=StarParams)
def small(ctx: Context, params: StarParams, inputs: Inputs) -> Outputs:
    """The small star of each node of a partition; its edges in both directions, for `large` or `settle`."""
    found, changed = small_star(*_nodes(ctx, params, inputs))
    return {"out": _both_ways(ctx, found, params), "changed": ctx.put_node({"changed": changed})}


@op("dedup.minhash/settle", version=1, params=SettleParams)
def settle(ctx: Context, params: SettleParams, inputs: Inputs) -> Outputs:
    """The rows of a partition that are not the first of their cluster, by part: edges are stars by now."""
    nodes, others = _nodes(ctx, params, inputs)
    later = nodes > others
    stars = Edges(others[later], nodes[later]).distinct()
    return {"out": _answered(ctx, stars, np.unique(nodes[~later]), params)}


@op("dedup.minhash/numbers", version=1, params=NumbersParams)
def numbers(ctx: Context, params: NumbersParams, inputs: Inputs) -> Outputs:
    """The number of each part's first row in the dataset."""
    ends = np.cumsum(np.array(params.counts, np.int64))
    return {"out": ctx.put_table(pa.table({"first": pa.array(ends - params.counts)}))}


@op("dedup.minhash/clusters", version=1, params=NoParams)
def clusters(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """The rows of a part that are in clusters, and each one's first row, as row numbers of the dataset."""
    (rows,), (numbered,) = inputs["rows"], inputs["numbers"]
    table, first = ctx.table(rows), ctx.table(numbered)["first"].to_numpy()

    def in_dataset(name: str) -> Any:
        found = table[name].to_numpy()
        return pa.array(first[part_of(found)] + place_of(found))

    return {"out": ctx.put_table(pa.table({"row": in_dataset(NUMBER), "cluster": in_dataset(CLUSTER)}))}


def _joined(ctx: Context, inputs: Inputs) -> Edges:
    return Edges.of(pa.concat_tables([ctx.table(cid) for cid in inputs["edges"]]))


def _nodes(ctx: Context, where: ex.Where, inputs: Inputs) -> tuple[Rows, Rows]:
    rows = ex.gather(ctx, inputs["files"], where)
    return rows[NODE].to_numpy(), rows[OTHER].to_numpy()


def _both_ways(ctx: Context, edges: Edges, params: MeetParams) -> Output:
    nodes, others = np.concatenate([edges.a, edges.b]), np.concatenate([edges.b, edges.a])
    rows = pa.table({NODE: pa.array(nodes), OTHER: pa.array(others)})
    return scattered_by(ctx, rows, nodes, params.partitions, params.split)


def _answered(ctx: Context, stars: Edges, centres: Rows, params: AnswerParams) -> Output:
    if not params.members:
        rows = pa.table({ex.ROW: pa.array(place_of(stars.b))})
        return ex.scatter(ctx, rows, part_of(stars.b), params.split)
    numbers, firsts = np.concatenate([stars.b, centres]), np.concatenate([stars.a, centres])
    rows = pa.table(
        {
            ex.ROW: pa.array(place_of(numbers)),
            NUMBER: pa.array(numbers),
            CLUSTER: pa.array(firsts),
            STAYS: pa.array(numbers == firsts),
        }
    )
    return ex.scatter(ctx, rows, part_of(numbers), params.split)
