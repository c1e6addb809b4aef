"""The step `text.length_filter`."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field, model_validator

from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, step
from codata_jobs.columns import need_text, reasons, series

_WORD = r"[^\t\n\x0b\f\r ]+"


class LengthParams(FilterParams):
    """The bounds."""

    column: str = Field(description="The column of texts.")
    min: int = Field(default=0, ge=0, description="The least length that stays.")
    max: int | None = Field(default=None, ge=0, description="The greatest length that stays; null is none.")
    unit: Literal["chars", "bytes", "words"] = Field(default="chars", description="What is counted.")
    nulls: Literal["drop", "keep"] = Field(default="drop", description="What becomes of rows without a text.")

    @model_validator(mode="after")
    def _in_order(self) -> LengthParams:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max}) is less than min ({self.min})")
        return self


@step
class LengthFilter(FilterStep):
    """Keep rows whose text is neither too short nor too long.

    Rule: length in `unit`: chars are Unicode scalar values, bytes are those of UTF-8, words are the longest
    runs without ASCII white space (tab, LF, VT, FF, CR, space). Kept where min <= length <= max;
    the reasons are `null`, `too short` and `too long`.
    """

    name = "text.length_filter"
    version = 1
    engines = ("polars",)
    params = LengthParams

    def columns(self, params: LengthParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: LengthParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Which of the two bounds a text breaks."""
        values = series(table, params.column)
        lengths = _lengths(values, params.unit).fill_null(params.min).to_numpy().astype(np.int64)
        without = values.is_null().to_numpy().astype(np.bool_) & (params.nulls == "drop")
        long = np.zeros(len(lengths), np.bool_) if params.max is None else lengths > params.max
        return Verdicts(
            table, reasons({"null": without, "too short": lengths < params.min, "too long": long})
        )


def _lengths(values: pl.Series, unit: str) -> pl.Series:
    if unit == "chars":
        return values.str.len_chars()
    return values.str.len_bytes() if unit == "bytes" else values.str.count_matches(_WORD)
