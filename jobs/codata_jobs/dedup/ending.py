"""What every global step that drops rows ends with: parts without these rows, or all rows with their reasons.

A part of which nothing is said goes on as it is, unless rows get their reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from codata.ops import Context, Outputs, Traced
from codata.plan import tracing
from codata.plan.stage import Part, Parts, Results, Stage, outputs
from codata.records.task import Task
from codata.steps import DROPPED_BY, REASON, Verdicts, annotated_schema, dropped_schema


class Ending(Protocol):
    """How a step ends: what a step asks for, and what the parameters of its last operation say."""

    @property
    def step(self) -> str:
        """The step's name."""
        ...

    @property
    def annotate(self) -> str | None:
        """The column for reasons, if nothing is dropped."""
        ...

    @property
    def dropped(self) -> bool:
        """Whether rows that are dropped are kept as an output of their own."""
        ...


@dataclass(frozen=True)
class Asked:
    """An `Ending` by a step's parameter `annotate` and the outputs that are wanted of it."""

    step: str
    annotate: str | None
    wanted: frozenset[str]

    @property
    def dropped(self) -> bool:
        """Whether tasks must keep what they drop: where rows are annotated they drop nothing."""
        return "dropped" in self.wanted and self.annotate is None

    def judges(self, part: Part, said: bool) -> bool:
        """Whether a part needs a task; `said`: whether anything is said of its rows."""
        return part.rows > 0 and (said or self.annotate is not None)


def out_and_dropped(schema: pa.Schema, step: str, annotate: str | None) -> dict[str, pa.Schema]:
    """The schemas of `out` and `dropped`; the second is no output where its columns' names are taken."""
    made = {"out": annotated_schema(schema, annotate, step)}
    if {DROPPED_BY, REASON} & set(schema.names):
        return made
    return {**made, "dropped": dropped_schema(schema, step)}


def plan_ending(
    asked: Asked, stage: str, data: Parts, tasks: Mapping[int, Task]
) -> Generator[Stage, Results, Mapping[str, Parts]]:
    """`out`, and `dropped` where it is wanted. `tasks`: by place of the part, who judges it with `ended`."""
    parts, lost = list(data.parts), []
    if tasks:
        results = yield Stage(stage, tuple(tasks.values()))
        for i, output in zip(tasks, outputs(results), strict=True):
            parts[i] = Part.of(output)
        if asked.dropped:
            lost = [Part.of(output) for output in outputs(results, "dropped") if output.rows]
    schema = annotated_schema(data.schema, asked.annotate, asked.step)
    made = {"out": Parts(schema, tuple(p for p in parts if p.rows), data.sealed and not tasks)}
    if "dropped" in asked.wanted:
        made["dropped"] = Parts(dropped_schema(data.schema, asked.step), tuple(lost))
    return made


def ended(ctx: Context, ending: Ending, table: pa.Table, verdicts: Verdicts) -> Outputs:
    """What verdicts leave of a part; `table`: its rows as they came, for those that are dropped."""
    made = {"out": ctx.put_table(verdicts.left(ending.annotate))}
    if ending.dropped:
        made["dropped"] = ctx.put_table(verdicts.lost(table, ending.step))
    return made


def led_back(
    ending: Ending,
    verdicts: Verdicts,
    output: str,
    rows: Sequence[int],
    did: Callable[[int], str] = lambda row: "kept",
) -> list[Traced]:
    """How rows of what `ended` gave lead back to its part; `did`: what became of a row that stays."""
    numbers = np.arange(len(verdicts.reasons))
    if output == "dropped":
        numbers = numbers[verdicts.reasons.is_valid().to_numpy(zero_copy_only=False)]
    elif ending.annotate is None:
        numbers = numbers[verdicts.kept.to_numpy(zero_copy_only=False)]

    def word(row: int) -> str:
        if output == "dropped":
            return f"dropped: {verdicts.reasons[row].as_py()}"
        return did(row) if ending.annotate is None else f"{did(row)}, {ending.annotate} added"

    found = numbers[list(rows)].tolist()
    return [t for row in found for t in tracing.kept([row], "data", (ending.step, word(row)))]
