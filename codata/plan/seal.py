"""Sealing: parts become shards, cut anew where the rows say (docs/spec/cutter.md).

Tasks have reported candidate cuts with their outputs, and a task finds those of each part that came as a
shard of an input; one task picks; one task a shard assembles, unless a shard is one whole part already.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import pyarrow as pa

from cid_store.cid import CID
from codata.errors import BadRecord
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.records.fields import Fields, Value
from codata.table import cutter


class NoParams(Params):
    """No parameters."""


class SliceParams(Params):
    """Rows before `start` in the first input and from `stop` on in the last are left out."""

    start: int
    stop: int


@op("seal/candidates", version=1, params=NoParams)
def find_candidates(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """The candidate cuts of a part that no task of this plan made."""
    (part,) = inputs["data"]
    return {"out": ctx.put_node(candidates_value(cutter.candidates(ctx.table(part))))}


@op("seal/pick", version=1, params=NoParams, engines=(), lazy=("parts",))
def pick(ctx: Context, params: NoParams, inputs: Inputs) -> Outputs:
    """Choose cuts over the concatenation of parts: a list of shards as segments of parts."""
    parts = inputs["parts"]
    found = [candidates_from(ctx.node(cid)) for cid in inputs["cuts"]]
    if len(found) != len(parts):
        raise BadRecord(f"candidate cuts of {len(found)} parts were given for {len(parts)} parts")
    chosen = cutter.choose(found, lambda i: cutter.part_sizes(ctx.table(parts[i])))
    return {"out": ctx.put_list(_cut_value(cut) for cut in chosen)}


def _cut_value(cut: cutter.Cut) -> Value:
    first, last = cut.segments[0], cut.segments[-1]
    return {
        "first": first.part,
        "last": last.part,
        "start": first.start,
        "stop": last.end,
    }


@op("slice", version=1, params=SliceParams)
def slice_rows(ctx: Context, params: SliceParams, inputs: Inputs) -> Outputs:
    """The rows of some parts in order, from `start` in the first to `stop` (excluded) in the last."""
    parts = inputs["parts"]
    tables = []
    for i, cid in enumerate(parts):
        table = ctx.table(cid)
        stop = params.stop if i == len(parts) - 1 else table.num_rows
        start = params.start if i == 0 else 0
        tables.append(table.slice(start, stop - start))
    return {"out": ctx.put_table(pa.concat_tables(tables))}


def seal(planner: Planner, parts: Parts) -> Generator[Stage, Results, Parts]:
    """The same rows as canonical shards."""
    if parts.sealed:
        return parts
    full = [p for p in parts.parts if p.rows]
    cuts: list[tuple[int, int, int, int]]
    if parts.size < cutter.LEAST:
        cuts = [(0, len(full) - 1, 0, full[-1].rows)] if full else []
    else:
        found = yield from _candidates(planner, full)
        task = planner.task("seal/pick", 1, NoParams(), cuts=found, parts=[p.cid for p in full])
        (receipt,) = yield Stage("seal: choose cuts", (task,))
        cuts = [_read_cut(v, full) for v in planner.items(receipt.out["out"].cid)]
    whole = {
        i: full[a]
        for i, (a, b, start, stop) in enumerate(cuts)
        if a == b and (start, stop) == (0, full[a].rows)
    }
    tasks = tuple(
        planner.task("slice", 1, SliceParams(start=start, stop=stop), parts=[p.cid for p in full[a : b + 1]])
        for i, (a, b, start, stop) in enumerate(cuts)
        if i not in whole
    )
    results = (yield Stage("seal: write shards", tasks)) if tasks else ()
    made = (Part.of(o) for o in outputs(results))
    return Parts(
        parts.schema, tuple(whole[i] if i in whole else next(made) for i in range(len(cuts))), sealed=True
    )


def even_cuts(sizes: Sequence[tuple[int, int]], shard: int) -> list[Value]:
    """Cuts as `pick` gives them, about every `shard` bytes: for parts of which no more is known than their
    rows, of which each has some, and bytes.
    """
    rows = np.cumsum([0, *(count for count, _ in sizes)])
    ends = np.cumsum([0, *(size for _, size in sizes)])
    count = max(1, round(int(ends[-1]) / shard))
    at = np.interp(np.linspace(0, int(ends[-1]), count + 1)[1:-1], ends, rows)
    bounds = np.unique([0, *np.round(at).astype(np.int64), rows[-1]])
    firsts = np.searchsorted(rows, bounds[:-1], side="right") - 1
    lasts = np.searchsorted(rows, bounds[1:], side="left") - 1
    starts, stops = bounds[:-1] - rows[firsts], bounds[1:] - rows[lasts]
    columns = (firsts.tolist(), lasts.tolist(), starts.tolist(), stops.tolist())
    return [
        dict(zip(("first", "last", "start", "stop"), cut, strict=True)) for cut in zip(*columns, strict=True)
    ]


def _candidates(planner: Planner, parts: Sequence[Part]) -> Generator[Stage, Results, list[CID]]:
    """The candidate cuts of each part."""
    without = [p for p in parts if p.cuts is None]
    tasks = tuple(planner.task("seal/candidates", 1, NoParams(), data=[p.cid]) for p in without)
    found = iter(outputs((yield Stage("seal: find cuts", tasks))) if tasks else ())
    return [p.cuts or next(found).cid for p in parts]


def _read_cut(value: Value, parts: list[Part]) -> tuple[int, int, int, int]:
    f = Fields(value, "cut", tag=False)
    first, last, start, stop = f.count("first"), f.count("last"), f.count("start"), f.count("stop")
    f.done()
    if not first <= last < len(parts) or start >= parts[first].rows or not 0 < stop <= parts[last].rows:
        raise f.bad("lies outside the parts")
    return first, last, start, stop


def candidates_value(found: cutter.Candidates) -> Value:
    """A part's candidate cuts as a node: row numbers and byte ends as little-endian u64, flags as bytes."""
    return {
        "codata": "cuts/1",
        "rows": found.rows.astype("<u8").tobytes(),
        "ends": found.ends.astype("<u8").tobytes(),
        "strict": found.strict.astype("u1").tobytes(),
        "total_rows": found.total_rows,
        "total_bytes": found.total_bytes,
    }


def candidates_from(value: Value) -> cutter.Candidates:
    """The candidate cuts of a node; raises `BadRecord` where they are not in order or lie outside the
    part."""
    f = Fields(value, "cuts/1")
    rows, ends, strict = f.blob("rows"), f.blob("ends"), f.blob("strict")
    total_rows, total_bytes = f.count("total_rows"), f.count("total_bytes")
    f.done()
    if not len(rows) == len(ends) == 8 * len(strict):
        raise f.bad("has lists of different lengths")
    found = cutter.Candidates(
        np.frombuffer(rows, "<u8").astype(np.int64),
        np.frombuffer(ends, "<u8").astype(np.int64),
        np.frombuffer(strict, "u1").astype(np.bool_),
        total_rows,
        total_bytes,
    )
    for values, total in ((found.rows, total_rows - 1), (found.ends, total_bytes)):
        if len(values) and (values[0] < 0 or values[-1] > total or np.any(np.diff(values) <= 0)):
            raise f.bad("is not in order")
    return found
