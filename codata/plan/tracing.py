"""How rows lead back through the plumbing of plans: slices of parts, and partition files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from cid_store.cid import CID
from codata.ops import Context, Inputs, Origin, Traced
from codata.plan import exchange as ex
from codata.plan.concat import ConformParams, conform
from codata.plan.seal import SliceParams, slice_rows


def kept(rows: Iterable[int], input_: str, *did: tuple[str, str]) -> list[Traced]:
    """Each row from one row of the only entry of an input."""
    return [Traced((Origin(input_, 0, int(row)),), did) for row in rows]


def at_lengths(lengths: Sequence[int], row: int) -> tuple[int, int]:
    """Which of several tables in order a row of their concatenation lies in, and where in it."""
    ends = np.cumsum(lengths)
    at = int(np.searchsorted(ends, row, "right"))
    return at, row - (int(ends[at - 1]) if at else 0)


def gathered(
    ctx: Context, files: Sequence[CID], where: ex.Where, rows: Iterable[int], input_: str = "files"
) -> list[Origin]:
    """Where rows of `ex.gather` stand in the partition files that they were gathered from."""
    lengths = [ctx.batch(cid, where.batch).num_rows for cid in files]
    before: dict[int, int] = {}
    found = []
    for row in rows:
        at, inside = at_lengths(lengths, int(row))
        if at not in before:
            before[at] = sum(ctx.batch(files[at], k).num_rows for k in range(where.batch))
        found.append(Origin(input_, at, before[at] + inside))
    return found


@slice_rows.traced
def _slice(
    ctx: Context, params: SliceParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    lengths = [ctx.table(cid).num_rows for cid in inputs["parts"]]
    return [Traced((Origin("parts", *at_lengths(lengths, params.start + row)),)) for row in rows]


@ex.merge.traced
def _merge(
    ctx: Context, params: ex.MergeParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    numbers = ex.gather(ctx, inputs["files"], params)[ex.PARTITION].to_numpy()
    order = ex.bucket_order(numbers, params.split)
    return [Traced((o,)) for o in gathered(ctx, inputs["files"], params, order[list(rows)])]


@ex.answer.traced
def _answer(ctx: Context, params: ex.Where, inputs: Inputs, output: str, rows: Sequence[int]) -> list[Traced]:
    order = np.argsort(ex.gather(ctx, inputs["files"], params)[ex.ROW].to_numpy(), kind="stable")
    return [Traced((o,)) for o in gathered(ctx, inputs["files"], params, order[list(rows)])]


@conform.traced
def _conform(
    ctx: Context, params: ConformParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    return kept(rows, "data", ("concat", "given the columns of both tables"))
