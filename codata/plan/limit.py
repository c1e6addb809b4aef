"""The step `limit`: the first rows of a dataset, for a trial run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from codata.ops import Params
from codata.plan.seal import SliceParams
from codata.plan.stage import Part, Parts, Planner, Stage
from codata.steps import GlobalStep, StepPlan, step

if TYPE_CHECKING:
    import pyarrow as pa


class LimitParams(Params):
    """How many rows to keep."""

    rows: int = Field(ge=0, description="How many rows to keep.")


@step
class Limit(GlobalStep):
    """Keep the first rows of a dataset, for a trial.

    Rule: the first `rows` rows in dataset order stay. `codata run --limit` puts this step before the first
    input's uses.
    """

    name = "limit"
    version = 1
    params = LimitParams

    def schema(self, params: LimitParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """The input's schema."""
        return {"out": schemas["data"]}

    def plan(
        self, params: LimitParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Whole parts as they are; one task for the part in which the limit falls."""
        left, kept = params.rows, []
        for part in inputs["data"].parts:
            if part.rows > left:
                if left:
                    task = planner.task("slice", 1, SliceParams(start=0, stop=left), parts=[part.cid])
                    (receipt,) = yield Stage("limit", (task,))
                    kept.append(Part.of(receipt.out["out"]))
                break
            kept.append(part)
            left -= part.rows
        return {"out": Parts(inputs["data"].schema, tuple(kept))}
