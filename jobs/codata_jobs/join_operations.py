"""The operations of `join`: what each task of it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata.table.types import schema_from_value
from codata_jobs.carried import own, unwrapped, wrapped
from codata_jobs.keys import Array, Numbers, hashes
from codata_jobs.matching import Matches, expand, key_digests, match, pair

_KEY = "key"

How = Literal["inner", "left", "semi", "anti"]


class JoinParams(Params):
    """What to join on, and what becomes of rows."""

    on: list[str] | dict[str, str] = Field(
        min_length=1, description="The key columns: names that both sides have, or left name to right name."
    )
    how: How = Field(default="inner", description="Which rows the output has.")
    suffix: str = Field(
        default="_right", min_length=1, description="Put after right names that the left has too."
    )

    def pairs(self) -> dict[str, str]:
        """Left key column to right key column."""
        return self.on if isinstance(self.on, dict) else {name: name for name in self.on}

    def names(self, left: Sequence[str], right: Sequence[str]) -> dict[str, str]:
        """The right columns that the output has, with their names in it."""
        if self.how in ("semi", "anti"):
            return {}
        keys = set(self.pairs().values())
        return {name: name + self.suffix if name in left else name for name in right if name not in keys}


class AskParams(Params):
    """Key columns of the left side, and how keys are split."""

    on: list[str]
    partitions: int = Field(ge=1)
    split: ex.Split


class OfferParams(AskParams):
    """`columns`: those of the right side that the output has, in order, each with its name in it."""

    columns: list[list[str]]


class MatchParams(Params):
    """Where each side's rows are, and how answers are split by left part."""

    left: ex.Where
    right: ex.Where
    split: ex.Split


class AttachParams(Params):
    """What becomes of matched and other rows."""

    how: How


class EmptyParams(Params):
    """A schema in its record form."""

    columns: list[Any]


@op("join/empty", version=1, params=EmptyParams)
def empty(ctx: Context, params: EmptyParams, inputs: Inputs) -> Outputs:
    """A table without rows, for a side that has no parts."""
    return {"out": ctx.put_table(schema_from_value(params.columns).empty_table())}


@op("join/broadcast", version=1, params=JoinParams)
def broadcast(ctx: Context, params: JoinParams, inputs: Inputs) -> Outputs:
    """One left part joined with the whole right side."""
    left, right, found = whole(ctx, params, inputs)
    if params.how in ("semi", "anti"):
        return {"out": ctx.put_table(ex.taken(left, found.left))}
    names = params.names(left.column_names, right.column_names)
    columns = right.select(list(names)).rename_columns(list(names.values()))
    return {"out": ctx.put_table(pair(left, columns, found))}


def whole(ctx: Context, params: JoinParams, inputs: Inputs) -> tuple[pa.Table, pa.Table, Matches]:
    """One left part, the whole right side, and the rows of both in each row that is made."""
    (part,) = inputs["data"]
    left = ctx.table(part)
    right = pa.concat_tables([ctx.table(cid) for cid in inputs["with"]])
    pairs = params.pairs()
    asked, held = key_digests(left, list(pairs)), key_digests(right, list(pairs.values()))
    found = match(asked, held, params.how == "left")
    return left, right, _chosen(left, found.left, params.how) or found


@op("join/ask", version=1, params=AskParams)
def ask(ctx: Context, params: AskParams, inputs: Inputs) -> Outputs:
    """Row numbers and keys of one left part, by partition.

    Rows with a null in their key match nothing and stay.
    """
    (part,) = inputs["data"]
    keys = key_digests(ctx.table(part), params.on)
    rows = pa.table(
        {
            ex.ORIGIN: pa.array(np.zeros(len(keys), np.uint32)),
            ex.ROW: pa.array(np.arange(len(keys), dtype=np.uint64)),
            _KEY: keys,
        }
    )
    return {"out": _by_key(ctx, rows, params)}


@op("join/offer", version=1, params=OfferParams)
def offer(ctx: Context, params: OfferParams, inputs: Inputs) -> Outputs:
    """Keys and wanted columns of one right part, by partition."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    rows = table.select([old for old, _ in params.columns]).rename_columns([new for _, new in params.columns])
    return {"out": _by_key(ctx, wrapped(rows).add_column(0, _KEY, key_digests(table, params.on)), params)}


def _by_key(ctx: Context, rows: pa.Table, params: AskParams) -> Any:
    rows = rows.filter(rows[_KEY].is_valid()).combine_chunks()
    return ex.scatter(ctx, rows, numbers(ex.as_batch(rows)[_KEY], params), params.split)


def numbers(keys: Array, params: AskParams) -> Numbers:
    """The partition of each key; none of them is null."""
    return ex.spread(hashes(keys), params.partitions)


@op("join/match", version=1, params=MatchParams)
def matches(ctx: Context, params: MatchParams, inputs: Inputs) -> Outputs:
    """The left rows of a partition that match, each with its right rows, by left part."""
    left, right, found = matched(ctx, params, inputs)
    rows = pair(left.select([ex.ROW]), own(right), found)
    return {"out": ex.scatter(ctx, rows, left[ex.ORIGIN].to_numpy()[found.left], params.split)}


def matched(ctx: Context, params: MatchParams, inputs: Inputs) -> tuple[pa.Table, pa.Table, Matches]:
    """The rows of both sides of a partition, and the pairs of them whose keys are equal."""
    left = ex.gather(ctx, inputs["left"], params.left)
    right = ex.gather(ctx, inputs["right"], params.right).combine_chunks()
    return left, right, match(ex.as_batch(left)[_KEY], ex.as_batch(right)[_KEY], unmatched=False)


@op("join/attach", version=1, params=AttachParams)
def attach(ctx: Context, params: AttachParams, inputs: Inputs) -> Outputs:
    """One left part with what came back for it."""
    (part,), (answer,) = inputs["data"], inputs["answer"]
    left, found = ctx.table(part), ctx.table(answer)
    pairs = answered(left, found, params.how)
    if params.how in ("semi", "anti"):
        return {"out": ctx.put_table(ex.taken(left, pairs.left))}
    return {"out": ctx.put_table(pair(left, unwrapped(found), pairs))}


def answered(left: pa.Table, answer: pa.Table, how: How) -> Matches:
    """The rows of a left part and of its answer in each row that is made."""
    rows = answer[ex.ROW].to_numpy().astype(np.int64)
    counts = np.bincount(rows, minlength=left.num_rows)
    return _chosen(left, rows, how) or expand(np.cumsum(counts) - counts, counts, how == "left")


def _chosen(left: pa.Table, known: Any, how: How) -> Matches | None:
    """Left rows that match, or those that do not; None where rows of both sides are made."""
    if how not in ("semi", "anti"):
        return None
    mask = np.zeros(left.num_rows, dtype=np.bool_)
    mask[known] = True
    rows = np.flatnonzero(mask if how == "semi" else ~mask)
    return Matches(rows, np.full(len(rows), -1, np.int64))
