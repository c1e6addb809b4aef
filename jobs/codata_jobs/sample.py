"""The step `sample`."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from pydantic import Field

from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, need, step
from codata_jobs.columns import reasons
from codata_jobs.drawing import Share, drawn

_USE: Final = b"codata/sample/1\x00"


class SampleParams(FilterParams):
    """How many rows, and by what they are drawn."""

    fraction: Share = Field(description="The share of rows that stay: a decimal or a ratio from 0 to 1.")
    seed: int = Field(default=0, ge=0, lt=1 << 64, description="Another seed draws other rows.")
    on: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Rows that agree in these columns share one fate; all columns where left out.",
    )


@step
class Sample(FilterStep):
    """Keep about a fraction of the rows, chosen by their content alone.

    Rule: h is the first 8 bytes, big-endian, of SHA-256("codata/sample/1" 00 ‖ seed as 8 bytes little-endian
    ‖ the row's `on` columns as docs/spec/steps.md encodes them); kept where h * denominator < numerator *
    2^64. Order, parts and other rows do not matter; equal rows share one fate. Source: hash sampling as in
    consistent sampling by key. The reason is `not drawn`.
    """

    name = "sample"
    version = 1
    params = SampleParams

    def columns(self, params: SampleParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need(schema, params.on or [], self.name)
        return schema

    def judge(self, params: SampleParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Whether a row is drawn."""
        found = drawn(table, params.on or table.column_names, params.fraction, params.seed, _USE)
        return Verdicts(table, reasons({"not drawn": ~found}))
