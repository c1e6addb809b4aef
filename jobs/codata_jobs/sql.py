"""Row-wise SQL: what an expression may say, checked twice.

The text is parsed by sqlglot and held against an allow-list of syntax and functions: what is not on it is
refused, with its name. What Polars then builds from the same text is held against a second list, since that
is what runs. The two parsers are unrelated: text that they read differently falls between the lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import polars as pl
import sqlglot
from sqlglot import expressions as x
from sqlglot.errors import SqlglotError

from codata.errors import ParameterError
from codata_jobs import sql_allowed as allowed

MAX_TEXT: Final = 8192
"""Characters of an expression. With `MAX_NODES` it bounds what both parsers do with hostile text."""

MAX_NODES: Final = 500

_REFUSED: Final = "see docs/spec/steps.md for the SQL that depends on one row alone"


@dataclass(frozen=True)
class Expression:
    """A checked expression. `column` is set where it is a column's name and nothing else."""

    text: str
    columns: list[str]
    column: str | None
    compiled: pl.Expr


@lru_cache(maxsize=1024)
def parse(text: str, what: str) -> Expression:
    """The expression that `text` is; raises `ParameterError` that names what is refused."""
    if not text or len(text) > MAX_TEXT:
        raise ParameterError(f"{what}: an expression has 1 to {MAX_TEXT} characters, not {len(text)}")
    shown = repr(text if len(text) <= 100 else f"{text[:100]}…")
    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except (SqlglotError, RecursionError) as e:
        raise ParameterError(
            f"{what}: {shown} is not an SQL expression: {str(e).splitlines()[0][:200]}"
        ) from None
    columns = _check_syntax(tree, shown, what)
    try:
        compiled = pl.sql_expr(text)
        built = json.loads(compiled.meta.serialize(format="json"))
    except (pl.exceptions.PolarsError, RecursionError) as e:
        raise ParameterError(f"{what}: {shown} is not supported: {str(e).splitlines()[0][:200]}") from None
    _check_built(built, shown, what)
    if set(compiled.meta.root_names()) != set(columns):
        raise ParameterError(
            f"{what}: {shown} can be read in two ways", next_step="put names in double quotes"
        )
    alone = isinstance(tree, x.Column)
    return Expression(text, columns, columns[0] if alone else None, compiled)


def _check_syntax(tree: x.Expr, shown: str, what: str) -> list[str]:
    """Refuse what is not on the lists; returns the columns in order of appearance."""
    columns: dict[str, None] = {}
    for count, node in enumerate(tree.walk(), 1):
        if count > MAX_NODES:
            raise ParameterError(
                f"{what}: an expression has at most {MAX_NODES} parts", next_step="use two steps"
            )
        if not _allowed(node):
            named = node.name if isinstance(node, x.Anonymous) else node.sql(dialect="postgres")
            raise ParameterError(
                f"{what}: {named[:80]!r} in {shown} is not allowed: it may depend on more than its row",
                next_step=_REFUSED,
            )
        if isinstance(node, x.Column):
            columns[node.name] = None
    return list(columns)


def _allowed(node: x.Expr) -> bool:
    if node.comments:
        return False
    if isinstance(node, x.Anonymous):
        return node.name.lower() in allowed.BY_NAME
    if isinstance(node, x.Column):
        # Polars would read ^...$ as a pattern over all names.
        return isinstance(node.this, x.Identifier) and len(node.parts) == 1 and not node.name.startswith("^")
    if isinstance(node, x.In):
        return not (node.args.get("query") or node.args.get("unnest") or node.args.get("field"))
    if isinstance(node, x.DataType):
        return getattr(node.this, "value", None) in allowed.CASTS and not node.expressions
    return type(node) in allowed.SYNTAX or type(node) in allowed.FUNCTIONS


def _check_built(built: Any, shown: str, what: str) -> None:
    for kind, value in _nodes(built):
        if not _runs_by_row(kind, value):
            raise ParameterError(
                f"{what}: {shown} becomes {kind}, which is not known to depend on one row alone",
                next_step=_REFUSED,
            )


def _nodes(built: Any) -> Iterator[tuple[str, Any]]:
    """Each node of Polars' tree with what it holds."""
    todo = [built]
    while todo:
        node = todo.pop()
        if not (isinstance(node, dict) and len(node) == 1):
            yield "something unknown", node
            continue
        ((kind, value),) = node.items()
        yield kind, value
        if kind == "BinaryExpr":
            todo += [value["left"], value["right"]]
        elif kind == "Ternary":
            todo += [value["predicate"], value["truthy"], value["falsy"]]
        elif kind == "Cast":
            todo.append(value["expr"])
        elif kind == "Function":
            todo += value["input"][:1] if _path(value["function"]) in allowed.MEMBER else value["input"]


def _runs_by_row(kind: str, value: Any) -> bool:
    if kind == "BinaryExpr":
        return value["op"] in allowed.OPERATORS
    if kind == "Literal":
        return _path(value) in allowed.LITERALS
    if kind == "Function":
        called = _path(value["function"])
        return called in allowed.CALLS and (called not in allowed.MEMBER or _is_list(value["input"][1:]))
    return kind in allowed.EXPRESSIONS


def _is_list(rest: Any) -> bool:
    """Whether the second input of IN is a written list: the only place where Polars may hold a series."""
    return len(rest) == 1 and list(rest[0]) == ["Literal"] and list(rest[0]["Literal"]) == ["Series"]


def _path(value: Any) -> str:
    """The name of a variant: {"StringExpr": {"Replace": {"n": 1}}} is StringExpr.Replace."""
    names = []
    while isinstance(value, dict) and len(value) == 1:
        ((name, value),) = value.items()
        if not name[:1].isupper():
            break
        names.append(name)
    if isinstance(value, str) and value[:1].isupper() and (not names or names[0] not in ("Dyn", "Scalar")):
        names.append(value)
    return ".".join(names)
