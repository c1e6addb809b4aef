"""How rows that `join` makes lead back: each to its left row, and to its right row where it has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from codata.ops import Context, Inputs, Origin, Traced
from codata.plan import exchange as ex
from codata.plan.tracing import at_lengths, gathered, kept
from codata_jobs.join_operations import (
    AttachParams,
    JoinParams,
    MatchParams,
    OfferParams,
    answered,
    attach,
    broadcast,
    matched,
    matches,
    numbers,
    offer,
    whole,
)
from codata_jobs.matching import Matches, key_digests


@broadcast.traced
def _broadcast(
    ctx: Context, params: JoinParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    _, _, found = whole(ctx, params, inputs)
    lengths = [ctx.table(cid).num_rows for cid in inputs["with"]]

    return _both(found, params.how, rows, lambda right: Origin("with", *at_lengths(lengths, right)))


@attach.traced
def _attach(
    ctx: Context, params: AttachParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    (part,), (answer,) = inputs["data"], inputs["answer"]
    found = answered(ctx.table(part), ctx.table(answer), params.how)
    return _both(found, params.how, rows, lambda right: Origin("answer", 0, right))


def _both(found: Matches, how: str, rows: Sequence[int], right: Callable[[int], Origin]) -> list[Traced]:
    def one(row: int) -> Traced:
        origin, other = Origin("data", 0, int(found.left[row])), int(found.right[row])
        if other < 0:
            return Traced((origin,), (("join", "kept without a match" if how == "left" else "kept"),))
        return Traced((origin, right(other)), (("join", "joined"),))

    return [one(row) for row in rows]


@matches.traced
def _matches(
    ctx: Context, params: MatchParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    left, _, found = matched(ctx, params, inputs)
    order = ex.bucket_order(left[ex.ORIGIN].to_numpy()[found.left], params.split)
    right = found.right[order[list(rows)]]
    return [Traced((o,)) for o in gathered(ctx, inputs["right"], params.right, right, "right")]


@offer.traced
def _offer(
    ctx: Context, params: OfferParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    (part,) = inputs["data"]
    keys = key_digests(ctx.table(part), params.on)
    present = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
    order = ex.bucket_order(numbers(keys.drop_null(), params), params.split)
    return kept(present[order[list(rows)]], "data")
