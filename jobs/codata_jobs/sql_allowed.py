"""What row-wise SQL may say: syntax and functions as sqlglot reads them, and nodes as Polars builds them.

All of it depends on one row alone, and gives the same bits on every processor: no aggregate, window,
subquery, clock, randomness, hash or transcendental function. Names of nodes of several Polars versions stand
side by side; one that a version lacks is never met.
"""

from __future__ import annotations

from typing import Final

from sqlglot import expressions as x

SYNTAX: Final = (
    *(x.Column, x.Identifier, x.Literal, x.Boolean, x.Null, x.Paren),
    *(x.And, x.Or, x.Not, x.EQ, x.NEQ, x.GT, x.GTE, x.LT, x.LTE, x.Is, x.NullSafeEQ, x.NullSafeNEQ),
    *(x.Between, x.In, x.Like, x.ILike, x.Add, x.Sub, x.Mul, x.Div, x.IntDiv, x.Mod, x.Neg),
    *(x.DPipe, x.Case, x.If, x.Cast, x.DataType, x.DataTypeParam),
)
"""What sqlglot reads: operators, literals, names, casts."""

FUNCTIONS: Final = (
    *(x.Abs, x.Coalesce, x.Concat, x.EndsWith, x.Greatest, x.Least, x.Left, x.Length, x.Lower, x.Nullif),
    *(x.RegexpLike, x.Replace, x.Reverse, x.Right, x.StartsWith, x.Substring, x.Trim, x.Upper),
)
"""What sqlglot reads: functions that it knows by type."""

BY_NAME: Final = frozenset(
    {"octet_length", "char_length", "character_length", "ltrim", "rtrim", "bit_length"}
)
"""Functions that sqlglot knows by name alone, in lower case."""

CASTS: Final = frozenset(
    t.value
    for t in (
        *(x.DataType.Type.BOOLEAN, x.DataType.Type.TINYINT, x.DataType.Type.SMALLINT, x.DataType.Type.INT),
        *(x.DataType.Type.BIGINT, x.DataType.Type.UTINYINT, x.DataType.Type.USMALLINT, x.DataType.Type.UINT),
        *(x.DataType.Type.UBIGINT, x.DataType.Type.FLOAT, x.DataType.Type.DOUBLE, x.DataType.Type.VARCHAR),
        *(x.DataType.Type.TEXT, x.DataType.Type.DATE),
    )
)
"""Types that a value may be cast to: none whose text depends on a locale or a time zone."""

MEMBER: Final = ("Boolean.IsIn", "Sql.IsIn")
"""What IN becomes, with a written list."""

EXPRESSIONS: Final = frozenset({"Column", "Literal", "BinaryExpr", "Ternary", "Function", "Cast"})
"""What Polars builds: kinds of nodes; for the last three kinds but `Cast`, the lists below decide."""

LITERALS: Final = frozenset(
    (
        "Dyn.Int",
        "Dyn.Float",
        "Dyn.Str",
        "Scalar.String",
        "Scalar.Boolean",
        "Scalar.Null",
        "Scalar.Date",
        "Scalar.Decimal",
        "Scalar.Float32",
        "Scalar.Float64",
        "Scalar.Int8",
        "Scalar.Int16",
        "Scalar.Int32",
        "Scalar.Int64",
        "Scalar.UInt8",
        "Scalar.UInt16",
        "Scalar.UInt32",
        "Scalar.UInt64",
    )
)
"""Kinds of constants. No timestamps: a clock read while the text is parsed would be one."""

OPERATORS: Final = frozenset(
    (
        "Eq",
        "NotEq",
        "Lt",
        "LtEq",
        "Gt",
        "GtEq",
        "EqValidity",
        "NotEqValidity",
        "And",
        "Or",
        "LogicalAnd",
        "LogicalOr",
        "Plus",
        "Minus",
        "Multiply",
        "Divide",
        "TrueDivide",
        "FloorDivide",
        "Modulus",
        "RustDivide",
    )
)
"""Of `BinaryExpr`."""

CALLS: Final = frozenset(
    (
        "Abs",
        "Negate",
        "Coalesce",
        "MinHorizontal",
        "MaxHorizontal",
        "Boolean.Not",
        "Boolean.IsNull",
        "Boolean.IsNotNull",
        "Boolean.IsIn",
        "Boolean.IsBetween",
        "Boolean.AllHorizontal",
        "Boolean.AnyHorizontal",
        "Sql.IsIn",
        "Sql.Binary.Eq",
        "Sql.Binary.NotEq",
        "Sql.Binary.Lt",
        "Sql.Binary.LtEq",
        "Sql.Binary.Gt",
        "Sql.Binary.GtEq",
        "Sql.Binary.Add",
        "Sql.Binary.Plus",
        "Sql.Binary.Sub",
        "Sql.Binary.Minus",
        "Sql.Binary.Mul",
        "Sql.Binary.Multiply",
        "Sql.Binary.Div",
        "Sql.Binary.IntDiv",
        "Sql.Binary.Rem",
        "StringExpr.LenChars",
        "StringExpr.LenBytes",
        "StringExpr.Lowercase",
        "StringExpr.Uppercase",
        "StringExpr.StripChars",
        "StringExpr.StripCharsStart",
        "StringExpr.StripCharsEnd",
        "StringExpr.StartsWith",
        "StringExpr.EndsWith",
        "StringExpr.Contains",
        "StringExpr.Replace",
        "StringExpr.Slice",
        "StringExpr.Head",
        "StringExpr.Tail",
        "StringExpr.Reverse",
        "StringExpr.ConcatHorizontal",
    )
)
"""Of `Function`."""
