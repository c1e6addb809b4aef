"""The step `code.stack`."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field

from codata.errors import ParameterError
from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, step
from codata_jobs import spdx
from codata_jobs.columns import need_text, reasons, series, to_arrow
from codata_jobs.comment_syntax import BY_LANGUAGE, BY_SUFFIX, tables
from codata_jobs.text.column import nulls, text_buffers

Numbers = np.ndarray[Any, np.dtype[Any]]

_XML: Final = "<?xml version="
_XML_WITHIN: Final = 100

_UNASSIGNED: Final = 0x40000
"""From this code point on nothing is a letter or a number."""


class StackParams(FilterParams):
    """Bounds of a file, and which licences stay."""

    column: str = Field(description="The column of source code.")
    language: str | None = Field(
        default=None, description="The column of languages, by Linguist's names in any case."
    )
    path: str | None = Field(
        default=None,
        description="The column of paths, whose suffixes say the language where nothing else does.",
    )
    max_line: int | None = Field(default=1000, ge=0, description="Most characters of a line.")
    max_mean_line: float | None = Field(default=100, ge=0, description="Greatest mean characters of lines.")
    min_alphanumeric: float | None = Field(
        default=0.25, ge=0, le=1, description="Least share of letters and numbers among characters."
    )
    min_comments: float | None = Field(
        default=0.01, ge=0, le=1, description="Least share of characters in comments, where they are known."
    )
    max_comments: float | None = Field(
        default=0.8, ge=0, le=1, description="Greatest share of characters in comments, where they are known."
    )
    xml: Literal["drop", "keep"] = Field(default="drop", description="What becomes of XML by its header.")
    license: str = Field(default="license", min_length=1, description="The new column of the licence.")
    licenses: list[str] | None = Field(
        default=None,
        max_length=1000,
        description="SPDX licences under which a file may be used to stay; null asks for none.",
    )
    unlicensed: Literal["drop", "keep"] = Field(
        default="keep", description="With `licenses`, what becomes of files that state none."
    )


@step
class Stack(FilterStep):
    """Drop source files that look generated or are data, and say each file's licence.

    Rule: lines end at LF, CR LF or CR. The reason is the first of: a line of more than `max_line` characters
    (`longest_line`); sum of line lengths > `max_mean_line` x lines (`mean_line`); letters and numbers
    (Unicode L, N) < `min_alphanumeric` x characters (`alphanumeric`); `<?xml version=` within the first 100
    characters (`xml_header`); where the language's comments are known, characters in comments <
    `min_comments` or > `max_comments` x characters (`few_comments`, `many_comments`); a licence that
    `licenses` do not permit (`license`); a null is dropped (`null`). The licence is the first
    SPDX-License-Identifier in the first 4096 characters, null where there is none: OR needs one licence
    permitted, AND all, whatever their case. Comments include their markers; in Python also strings between
    three quotes that begin a line. Strings hide markers.
    Source: The Stack and StarCoder (Kocetkov et al. 2022, Li et al. 2023); SPDX 2.3, annexes D and E.
    Engines: polars; unicode (which characters are letters or numbers).
    """

    name = "code.stack"
    version = 1
    engines = ("polars", "unicode")
    params = StackParams

    def columns(self, params: StackParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema with the licence (text)."""
        for name in (params.column, params.language, params.path):
            if name is not None:
                need_text(schema, name, self.name)
        if params.license in schema.names:
            raise ParameterError(f"{self.name}: there is a column {params.license!r} already")
        return schema.append(pa.field(params.license, pa.large_string()))

    def judge(self, params: StackParams, table: pa.Table, ctx: Context) -> Verdicts:
        """The first bound that a file breaks, and its licence."""
        from codata_jobs.kernels.code import measure

        code, column = series(table, params.column), table[params.column]
        found = measure(*text_buffers(column), _alphanumeric(), _syntaxes(table, params), *tables())
        stated = code.str.head(spdx.HEADER).str.extract(spdx.PATTERN)
        why = reasons(
            {"null": nulls(column), **_broken(found, params, code), "license": _refused(stated, params)}
        )
        return Verdicts(table.append_column(params.license, to_arrow(stated, pa.large_string())), why)


def _broken(found: Numbers, params: StackParams, code: pl.Series) -> dict[str, Numbers]:
    chars, letters, lines, inside, longest, comments = found.T
    known = comments >= 0
    xml = code.str.head(_XML_WITHIN).str.contains(_XML, literal=True).fill_null(value=False).to_numpy()
    return {
        "longest_line": _above(longest, params.max_line),
        "mean_line": _above(inside, params.max_mean_line, lines),
        "alphanumeric": _below(letters, params.min_alphanumeric, chars),
        "xml_header": xml.astype(np.bool_) & (params.xml == "drop"),
        "few_comments": known & _below(comments, params.min_comments, chars),
        "many_comments": known & _above(comments, params.max_comments, chars),
    }


def _above(values: Numbers, bound: float | None, of: Numbers | int = 1) -> Numbers:
    found: Numbers = np.zeros(len(values), np.bool_) if bound is None else values > bound * of
    return found


def _below(values: Numbers, bound: float | None, of: Numbers) -> Numbers:
    found: Numbers = np.zeros(len(values), np.bool_) if bound is None else values < bound * of
    return found


def _refused(stated: pl.Series, params: StackParams) -> Numbers:
    """Where no licence is stated that `params` permit."""
    if params.licenses is None:
        return np.zeros(len(stated), np.bool_)
    permitted = {name.lower() for name in params.licenses}
    verdicts = {one: not spdx.allows(one, permitted) for one in stated.drop_nulls().unique().to_list()}
    refused = [params.unlicensed == "drop" if one is None else verdicts[one] for one in stated.to_list()]
    return np.array(refused, np.bool_)


def _syntaxes(table: pa.Table, params: StackParams) -> Numbers:
    """The number of each file's syntax of comments, -1 where it is not known."""
    found = pl.repeat(None, table.num_rows, dtype=pl.Int64, eager=True)
    if params.language is not None:
        names = series(table, params.language).str.to_lowercase().str.replace_all(" ", "-", literal=True)
        found = names.replace_strict(BY_LANGUAGE, default=None, return_dtype=pl.Int64)
    if params.path is not None:
        suffixes = series(table, params.path).str.extract(r"\.([A-Za-z0-9]{1,10})$").str.to_lowercase()
        by_suffix = suffixes.replace_strict(BY_SUFFIX, default=None, return_dtype=pl.Int64)
        found = found.zip_with(found.is_not_null(), by_suffix)
    syntaxes: Numbers = found.fill_null(-1).to_numpy()
    return syntaxes


@cache
def _alphanumeric() -> Numbers:
    """1 for each code point that is a letter or a number."""
    found = np.zeros(0x110000, np.uint8)
    found[:_UNASSIGNED] = [chr(code).isalnum() for code in range(_UNASSIGNED)]
    found.flags.writeable = False
    return found
