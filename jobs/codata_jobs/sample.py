"""The step `sample`."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field

from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, need, step
from codata_jobs.columns import reasons
from codata_jobs.keys import digests, encode_rows, hashes

_PREFIX: Final = b"codata/sample/1\x00"
_MAX_TEXT: Final = 40


def _fraction(value: object) -> str:
    """The lowest terms of a decimal or a ratio: what a record holds, so that 0.5 and 1/2 are one task."""
    # A YAML float is read as it was written: repr gives the shortest decimal that means it.
    text = repr(value) if isinstance(value, float | int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT or "e" in text.lower():
        raise ValueError("must be a decimal like 0.01 or a ratio like 1/3")
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("must be a decimal like 0.01 or a ratio like 1/3") from None
    if not 0 <= found <= 1:
        raise ValueError("must lie between 0 and 1")
    return str(found)


class SampleParams(FilterParams):
    """`on`: rows that agree in these columns are kept or dropped together; None is all columns."""

    fraction: Annotated[str, BeforeValidator(_fraction)]
    seed: int = Field(default=0, ge=0, lt=1 << 64)
    on: list[str] | None = Field(default=None, min_length=1)


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
        rows = encode_rows(
            table, params.on or table.column_names, _PREFIX + params.seed.to_bytes(8, "little")
        )
        drawn = _below(hashes(digests(rows)), Fraction(params.fraction))
        return Verdicts(table, reasons({"not drawn": ~drawn}))


def _below(
    drawn: np.ndarray[tuple[int], np.dtype[np.uint64]], fraction: Fraction
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where drawn / 2^64 < fraction, in integers."""
    limit = -(-(fraction.numerator << 64) // fraction.denominator)
    if limit > np.iinfo(np.uint64).max:
        return np.ones(len(drawn), dtype=np.bool_)
    return drawn < np.uint64(limit)
