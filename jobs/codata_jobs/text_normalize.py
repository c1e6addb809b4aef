"""The step `text.normalize`."""

from __future__ import annotations

from typing import Literal

import polars as pl
import pyarrow as pa
from pydantic import Field

from codata.ops import Context, Params
from codata.steps import RowStep, step
from codata_jobs.columns import need_text, replaced, series, to_arrow


class NormalizeParams(Params):
    """What to make one."""

    column: str = Field(description="The column of texts.")
    unicode: Literal["NFC", "NFD", "NFKC", "NFKD", "none"] = Field(
        default="NFC", description="The normalization form."
    )
    newlines: bool = Field(default=True, description="CR LF and CR become LF.")
    strip: bool = Field(default=False, description="Take white space from both ends.")


@step
class Normalize(RowStep):
    """One form for one text: line ends, then the Unicode normalization form, then the ends.

    Rule: each CR LF, then each CR, becomes LF; the text is put in the form named (Unicode Standard Annex
    #15); characters with the Unicode property White_Space are taken from both ends. Nulls stay. No other
    column is touched.
    Engine: Polars, whose version fixes the version of the Unicode data; Python's own differs between its
    releases.
    """

    name = "text.normalize"
    version = 1
    engines = ("polars",)
    params = NormalizeParams

    def schema(self, params: NormalizeParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def apply(self, params: NormalizeParams, table: pa.Table, ctx: Context) -> pa.Table:
        """The table with the column normalized."""
        values = normalized(series(table, params.column), params)
        return replaced(table, params.column, to_arrow(values, table.schema.field(params.column).type))


def normalized(values: pl.Series, params: NormalizeParams) -> pl.Series:
    """Each text by the rule above."""
    if params.newlines:
        values = values.str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
    if params.unicode != "none":
        values = values.str.normalize(params.unicode)
    return values.str.strip_chars() if params.strip else values
