"""The step `join`.

A small right side goes whole to every left part. Otherwise both sides' keys meet by partition: left rows send
only their keys, right rows go whole, and what was matched comes back to the left part, as in `dedup.exact`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final

import pyarrow as pa

from codata.errors import ParameterError
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import GlobalStep, StepPlan, need, step
from codata.table.types import schema_to_value
from codata_jobs.join_operations import (
    AskParams,
    AttachParams,
    EmptyParams,
    JoinParams,
    MatchParams,
    OfferParams,
)

BROADCAST_BYTES: Final = 64 * 1024 * 1024
"""Logical bytes of a right side that every left part can hold beside its own rows."""

_KEY_BYTES: Final = 32
"""Of one left key on its way: digest, row number, partition, origin."""


@step
class Join(GlobalStep):
    """Join with a second input, `with`, on equal keys.

    Rule: `inner` gives each left row with each right row whose key is equal, in left order, then right order;
    `left` also gives left rows without a match once, with nulls; `semi` gives left rows that match, `anti`
    those that do not. Keys are compared as in `dedup.exact`, but a null in a key column equals nothing. The
    right key columns are left out; right columns whose names the left has get `suffix`.
    Memory: all rows of one key meet in one task, which refuses to make more than 2^27 rows.
    """

    name = "join"
    version = 1
    params = JoinParams
    inputs = ("data", "with")

    def schema(self, params: JoinParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Left columns, then right columns."""
        left, right = schemas["data"], schemas["with"]
        pairs = params.pairs()
        need(left, list(pairs), "join, left side")
        need(right, list(pairs.values()), "join, right side")
        for a, b in pairs.items():
            if left.field(a).type != right.field(b).type:
                raise ParameterError(
                    f"join: {a!r} holds {left.field(a).type}, {b!r} on the right {right.field(b).type}",
                    next_step="cast one of them in a `select` step before the join",
                )
        names = params.names(left.names, right.names)
        fields = [*left, *(right.field(name).with_name(new) for name, new in names.items())]
        if len({f.name for f in fields}) != len(fields):
            raise ParameterError(
                f"join: with suffix {params.suffix!r} two columns would have one name",
                next_step="choose another suffix, or rename columns in a `select` step",
            )
        return {"out": pa.schema(fields)}

    def plan(
        self, params: JoinParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """By broadcast where the right side is small, else by partition.

        Which one is a function of sizes alone.
        """
        left, right = inputs["data"], inputs["with"]
        schema = self.schema(params, {"data": left.schema, "with": right.schema})["out"]
        if not left.parts:
            return {"out": Parts(schema, ())}
        if not right.parts:
            nothing = EmptyParams(columns=schema_to_value(right.schema))
            results = yield Stage("join: no right side", (planner.task("join/empty", 1, nothing),))
            right = Parts(right.schema, tuple(Part.of(o) for o in outputs(results)))
        small = right.size <= BROADCAST_BYTES
        made = yield from (_broadcast if small else _by_partition)(params, left, right, planner)
        return {"out": Parts(schema, tuple(p for p in made if p.rows))}


_Made = Generator[Stage, Results, tuple[Part, ...]]


def _broadcast(params: JoinParams, left: Parts, right: Parts, planner: Planner) -> _Made:
    held = {"with": [p.cid for p in right.parts]}
    tasks = tuple(planner.task("join/broadcast", 1, params, data=[p.cid], **held) for p in left.parts)
    results = yield Stage("join", tasks)
    return tuple(Part.of(o) for o in outputs(results))


def _by_partition(params: JoinParams, left: Parts, right: Parts, planner: Planner) -> _Made:
    pairs = params.pairs()
    count = ex.partitions(left.rows * _KEY_BYTES + right.size)
    asking, offering = ex.Layout.of(count, len(left.parts)), ex.Layout.of(count, len(right.parts))
    asked = AskParams(on=list(pairs), partitions=count, split=asking.split())
    offered = OfferParams(
        on=list(pairs.values()),
        partitions=count,
        split=offering.split(),
        columns=[list(pair) for pair in params.names(left.schema.names, right.schema.names).items()],
    )
    tasks = [planner.task("join/ask", 1, asked, data=[p.cid]) for p in left.parts]
    tasks += [planner.task("join/offer", 1, offered, data=[p.cid]) for p in right.parts]
    files = [o.cid for o in outputs((yield Stage("join: keys", tuple(tasks))))]
    cut = len(left.parts)
    asks = yield from ex.exchange(planner, "join", files[:cut], asking)
    offers = yield from ex.exchange(planner, "join", files[cut:], offering)
    back = ex.Layout.of(cut, count).split()
    tasks = [
        planner.task(
            "join/match", 1, MatchParams(left=a.where, right=b.where, split=back), left=a.files, right=b.files
        )
        for a, b in zip(asks, offers, strict=True)
    ]
    files = [o.cid for o in outputs((yield Stage("join: match", tuple(tasks))))]
    answered = yield from ex.answers(planner, "join", files, cut)
    attaching = AttachParams(how=params.how)
    tasks = [
        planner.task("join/attach", 1, attaching, data=[p.cid], answer=[a.cid])
        for p, a in zip(left.parts, answered, strict=True)
    ]
    results = yield Stage("join", tuple(tasks))
    return tuple(Part.of(o) for o in outputs(results))
