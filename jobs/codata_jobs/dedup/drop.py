"""Rows that an answer lists go: the end of every step that asks partitions which rows to drop, for one
reason."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from codata.ops import Context, Inputs, Outputs, Traced, op
from codata.plan import exchange as ex
from codata.plan.stage import Part, Parts, Planner, Results, Stage
from codata.steps import FilterParams, Verdicts
from codata_jobs.columns import reasons
from codata_jobs.dedup.ending import Asked, ended, led_back, plan_ending

STAYS: Final = "stays"
"""A column of answers that may be there: rows that are answered, and not dropped."""


class DropParams(FilterParams):
    """`dropped`: keep the dropped rows too, with the name of `step` and `reason`."""

    step: str
    reason: str
    dropped: bool


@op("dedup/drop", version=1, params=DropParams)
def drop(ctx: Context, params: DropParams, inputs: Inputs) -> Outputs:
    """A part without the rows that an answer lists by number, or with the reason beside them; those rows as
    `dropped`, where asked for."""
    verdicts = _judged(ctx, params, inputs)
    return ended(ctx, params, verdicts.rows, verdicts)


@drop.traced
def _drop(ctx: Context, params: DropParams, inputs: Inputs, output: str, rows: Sequence[int]) -> list[Traced]:
    return led_back(params, _judged(ctx, params, inputs), output, rows)


def _judged(ctx: Context, params: DropParams, inputs: Inputs) -> Verdicts:
    """What the answer to a part says of its rows; without one all stay."""
    (part,) = inputs["data"]
    table = ctx.table(part)
    lost = np.zeros(table.num_rows, dtype=np.bool_)
    for answer in inputs.get("rows", ()):
        found = ctx.table(answer)
        if STAYS in found.column_names:
            found = found.filter(pa.array(~found[STAYS].to_numpy()))
        lost[found[ex.ROW].to_numpy()] = True
    return Verdicts(table, reasons({params.reason: lost}))


def plan_drop(
    planner: Planner, asked: Asked, reason: str, data: Parts, answers: Sequence[Part]
) -> Generator[Stage, Results, Mapping[str, Parts]]:
    """`out`, and `dropped` where it is wanted: one answer for each part of `data`, or none at all."""
    params = DropParams(step=asked.step, reason=reason, dropped=asked.dropped, annotate=asked.annotate)
    tasks = {}
    for i, part in enumerate(data.parts):
        listed = [answer.cid for answer in answers[i : i + 1] if answer.rows]
        if asked.judges(part, bool(listed)):
            tasks[i] = planner.task("dedup/drop", 1, params, data=[part.cid], rows=listed)
    return (yield from plan_ending(asked, f"{asked.step}: drop", data, tasks))
