"""What every dedup step ends with: parts without the rows that an answer lists, and those rows with a reason.

A part from which nothing is dropped goes on as it is.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from codata.ops import Context, Inputs, Outputs, Params, Traced, op
from codata.plan import exchange as ex
from codata.plan import tracing
from codata.plan.stage import Part, Parts, Planner, Results, Stage, outputs
from codata.steps import DROPPED_BY, REASON, dropped_schema, with_reasons

STAYS: Final = "stays"
"""A column of answers that may be there: rows that are answered, and not dropped."""


class DropParams(Params):
    """`dropped`: keep the dropped rows too, with the name of `step` and `reason`."""

    step: str
    reason: str
    dropped: bool


@op("dedup/drop", version=1, params=DropParams)
def drop(ctx: Context, params: DropParams, inputs: Inputs) -> Outputs:
    """A part without the rows that an answer lists by number; those rows as `dropped`, where asked for."""
    table, kept = _judged(ctx, inputs)
    made = {"out": ctx.put_table(table.filter(pa.array(kept)))}
    if params.dropped:
        lost = table.filter(pa.array(~kept))
        reasons = pa.repeat(pa.scalar(params.reason, pa.large_string()), lost.num_rows)
        made["dropped"] = ctx.put_table(with_reasons(lost, params.step, reasons))
    return made


def _judged(ctx: Context, inputs: Inputs) -> tuple[pa.Table, NDArray[np.bool_]]:
    """A part, and which of its rows stay."""
    (part,), (answer,) = inputs["data"], inputs["rows"]
    table, found = ctx.table(part), ctx.table(answer)
    if STAYS in found.column_names:
        found = found.filter(pa.array(~found[STAYS].to_numpy()))
    kept = np.ones(table.num_rows, dtype=np.bool_)
    kept[found[ex.ROW].to_numpy()] = False
    return table, kept


@drop.traced
def _drop(ctx: Context, params: DropParams, inputs: Inputs, output: str, rows: Sequence[int]) -> list[Traced]:
    _, stays = _judged(ctx, inputs)
    lost = output == "dropped"
    did = (params.step, f"dropped: {params.reason}" if lost else "kept")
    return tracing.kept(np.flatnonzero(stays != lost)[list(rows)].tolist(), "data", did)


def kept_and_dropped(schema: pa.Schema, name: str) -> dict[str, pa.Schema]:
    """The schemas of `out` and `dropped`; the second is no output where its columns' names are taken."""
    if {DROPPED_BY, REASON} & set(schema.names):
        return {"out": schema}
    return {"out": schema, "dropped": dropped_schema(schema, name)}


def plan_drop(
    planner: Planner, name: str, reason: str, data: Parts, answers: Sequence[Part], wanted: frozenset[str]
) -> Generator[Stage, Results, Mapping[str, Parts]]:
    """`out`, and `dropped` where it is wanted: one answer for each part of `data`."""
    params = DropParams(step=name, reason=reason, dropped="dropped" in wanted)
    parts, lost = list(data.parts), []
    changed = [i for i, found in enumerate(answers) if found.rows]
    tasks = tuple(
        planner.task("dedup/drop", 1, params, data=[parts[i].cid], rows=[answers[i].cid]) for i in changed
    )
    if tasks:
        results = yield Stage(f"{name}: drop", tasks)
        for i, output in zip(changed, outputs(results), strict=True):
            parts[i] = Part.of(output)
        if params.dropped:
            lost = [Part.of(output) for output in outputs(results, "dropped") if output.rows]
    made = {"out": Parts(data.schema, tuple(p for p in parts if p.rows), data.sealed and not changed)}
    if params.dropped:
        made["dropped"] = Parts(dropped_schema(data.schema, name), tuple(lost))
    return made
