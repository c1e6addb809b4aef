"""The steps `filter` and `select`: SQL expressions over one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import BeforeValidator, Field

from codata.errors import ParameterError, TaskFailed
from codata.ops import Context, Params
from codata.steps import FilterParams, FilterStep, RowStep, Verdicts, need, step
from codata_jobs.columns import reasons, to_arrow

if TYPE_CHECKING:
    from codata_jobs.sql import Expression

MAX_COLUMNS = 1000


class WhereParams(FilterParams):
    """The condition."""

    where: str = Field(description="An SQL condition over the columns of one row.")


def _pairs(value: object) -> object:
    """A map as pairs: the maps of a record have no order, and the columns of a table have one."""
    return [list(pair) for pair in value.items()] if isinstance(value, dict) else value


Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class SelectParams(Params):
    """What to choose."""

    columns: Annotated[
        list[Pair],
        BeforeValidator(_pairs),
        Field(
            min_length=1,
            max_length=MAX_COLUMNS,
            description="In a job file a map, output name to SQL expression, in order; in a record a list of "
            "such pairs.",
        ),
    ]
    keep: bool = Field(
        default=False,
        description="The input's columns come first, and one that is written here too is replaced where it "
        "stands.",
    )


@step
class Filter(FilterStep):
    """Keep rows for which an SQL condition is true; where it is false or null, the row is dropped.

    Rule: the condition is one expression of the row-wise SQL that docs/spec/steps.md lists, with the meaning
    that Polars gives it. Aggregates, windows, subqueries, time, randomness and transcendental functions are
    refused. The reason is `where`.
    """

    name = "filter"
    version = 1
    engines = ("polars",)
    params = WhereParams

    def columns(self, params: WhereParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema, once the condition is known to be one."""
        found = result_type(parse(params.where, self.name), schema, self.name)
        if not pa.types.is_boolean(found):
            raise ParameterError(
                f"{self.name}: {params.where!r} gives {found}, not true or false",
                next_step="write a condition, as in: size > 100",
            )
        return schema

    def judge(self, params: WhereParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Whether the condition is true."""
        mask = evaluate(parse(params.where, self.name), table).fill_null(False).to_numpy()
        return Verdicts(table, reasons({"where": ~mask.astype(np.bool_)}))


@step
class Select(RowStep):
    """Choose, rename and compute columns, in the order written.

    Rule: each output column is one expression as in `filter`; a name alone is that column, unchanged and of
    any type. With `keep`, the input's columns stand first, and one of the same name is replaced where it
    stands.
    """

    name = "select"
    version = 1
    engines = ("polars",)
    params = SelectParams

    def schema(self, params: SelectParams, schema: pa.Schema) -> pa.Schema:
        """The kept columns, then the new ones."""
        fields: dict[str, pa.DataType] = {f.name: f.type for f in schema} if params.keep else {}
        if len({name for name, _ in params.columns}) != len(params.columns):
            raise ParameterError(f"{self.name}: a column is written twice")
        for name, text in params.columns:
            if not name:
                raise ParameterError(f"{self.name}: a column needs a name")
            fields[name] = self._type(text, schema)
        return pa.schema(list(fields.items()))

    def _type(self, text: str, schema: pa.Schema) -> pa.DataType:
        expression = parse(text, self.name)
        if expression.column is not None:
            need(schema, [expression.column], self.name)
            kind: pa.DataType = schema.field(expression.column).type
            return kind
        return result_type(expression, schema, self.name)

    def apply(self, params: SelectParams, table: pa.Table, ctx: Context) -> pa.Table:
        """The table of the chosen columns."""
        wanted = self.schema(params, table.schema)
        columns: dict[str, Any] = (
            dict(zip(table.column_names, table.columns, strict=True)) if params.keep else {}
        )
        for name, text in params.columns:
            expression = parse(text, self.name)
            if expression.column is not None:
                columns[name] = table[expression.column]
            else:
                columns[name] = to_arrow(evaluate(expression, table), wanted.field(name).type)
        return pa.table(list(columns.values()), schema=wanted)


def parse(text: str, what: str) -> Expression:
    """The checked expression of step `what`; raises `ParameterError` that names what is refused."""
    from codata_jobs.sql import parse as checked  # it brings an SQL parser, for which few jobs have a use

    return checked(text, what)


def evaluate(expression: Expression, table: pa.Table) -> pl.Series:
    """The expression's value for each row.

    Raises `TaskFailed` where a value does not fit, as in a cast of text.
    """
    try:
        return _evaluate(expression, table)
    except pl.exceptions.PolarsError as e:
        raise TaskFailed(f"{expression.text!r}: {str(e).splitlines()[0]}") from None


def _evaluate(expression: Expression, table: pa.Table) -> pl.Series:
    """By Polars' in-memory engine. Reads the columns that the expression names and no others."""
    # A constant has no column to take its length from.
    used = table.select(expression.columns) if expression.columns else _lengths_only(table)
    frame = pl.from_arrow(used)
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(expression.compiled.alias("")).get_column("")


def _lengths_only(table: pa.Table) -> pa.Table:
    return pa.table({"row": pa.nulls(table.num_rows, pa.int8())})


def result_type(expression: Expression, schema: pa.Schema, what: str) -> pa.DataType:
    """The type of the expression over columns of `schema`; raises `MissingColumn`, `ParameterError`."""
    need(schema, expression.columns, what)
    for name in expression.columns:
        if not _usable(schema.field(name).type):
            raise ParameterError(
                f"{what}: column {name!r} holds {schema.field(name).type}, which expressions can't use",
                next_step="expressions take booleans, integers, floats, decimals, text, dates, timestamps",
            )
    try:
        values = _evaluate(expression, schema.empty_table())
    except pl.exceptions.PolarsError as e:
        raise ParameterError(f"{what}: {expression.text!r}: {str(e).splitlines()[0]}") from None
    found: pa.DataType = values.to_arrow(compat_level=pl.CompatLevel.oldest()).type
    if not _usable(found):
        raise ParameterError(f"{what}: {expression.text!r} gives {found}, which a column can't hold")
    return found


def _usable(t: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_boolean(t)
        or types.is_integer(t)
        or types.is_float32(t)
        or types.is_float64(t)
        or types.is_large_string(t)
        or types.is_large_binary(t)
        or types.is_date32(t)
        or types.is_decimal128(t)
        or (types.is_timestamp(t) and t.tz is None)
    )
