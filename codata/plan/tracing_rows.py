"""How rows lead back through fused row steps: each step runs again on the whole part, with row numbers beside
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from codata.ops import Context, Inputs, Origin, Traced
from codata.plan.rows import RowsParams, dropped, rows
from codata.steps import FilterStep
from codata.table import canonical_table, logical_hash


@dataclass(frozen=True)
class _Pass:
    """One step's doing: its rows before and after, and which of those before each one after is."""

    step: str
    before: pa.Table
    after: pa.Table
    numbers: Any
    word: str = ""
    reasons: Any = None

    def did(self, row: int) -> str:
        """What the step did to row `row` of those after it."""
        if self.reasons is not None:
            return f"dropped: {self.reasons[row].as_py()}"
        changed = _changes(self.before.slice(int(self.numbers[row]), 1), self.after.slice(row, 1))
        return ", ".join(part for part in (self.word, changed) if part) or "left as it was"


@rows.traced
def _rows(
    ctx: Context, params: RowsParams, inputs: Inputs, output: str, wanted: Sequence[int]
) -> list[Traced]:
    (part,) = inputs["data"]
    passes = _passes(ctx, params, ctx.table(part), output)
    return [_back(passes, row) for row in wanted]


def _passes(ctx: Context, params: RowsParams, table: pa.Table, output: str) -> list[_Pass]:
    """The steps up to the one that gave `output`."""
    passes: list[_Pass] = []
    for number, call in enumerate(params.steps):
        step, checked = call.find()
        if not isinstance(step, FilterStep):
            after = step.apply(checked, table, ctx)
            passes.append(_Pass(step.name, table, after, np.arange(table.num_rows)))
        else:
            verdicts = step.judge(checked, table, ctx)
            lost = verdicts.reasons.is_valid().to_numpy(zero_copy_only=False)
            if output == dropped(number):
                after = step.dropped(checked, table, verdicts)
                reasons = verdicts.reasons.drop_null()
                passes.append(_Pass(step.name, table, after, np.flatnonzero(lost), reasons=reasons))
                return passes
            after = step.kept(checked, verdicts)
            drops = after.num_rows != table.num_rows  # not where reasons only annotate
            stays = np.flatnonzero(~lost) if drops else np.arange(table.num_rows)
            passes.append(_Pass(step.name, table, after, stays, "kept"))
        table = passes[-1].after
    return passes


def _back(passes: Sequence[_Pass], row: int) -> Traced:
    did = []
    for found in reversed(passes):
        did.append((found.step, found.did(row)))
        row = int(found.numbers[row])
    return Traced((Origin("data", 0, row),), tuple(did))


def _changes(before: pa.Table, after: pa.Table) -> str:
    """How one row differs: which columns have another value, are new, or are gone."""
    common = [name for name in after.column_names if name in before.column_names]
    found = {
        "changed": [name for name in common if not _same(before.select([name]), after.select([name]))],
        "added": [name for name in after.column_names if name not in before.column_names],
        "left out": [name for name in before.column_names if name not in after.column_names],
    }
    return ", ".join(f"{word} {', '.join(names)}" for word, names in found.items() if names)


def _same(before: pa.Table, after: pa.Table) -> bool:
    return before.schema == after.schema and logical_hash(canonical_table(before)) == logical_hash(
        canonical_table(after)
    )
