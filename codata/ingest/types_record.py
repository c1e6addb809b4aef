"""The record form of merged types: what a task writes down and the planner reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from codata.errors import BadRecord
from codata.ingest.types import NULL, Node, Types, Where
from codata.table.types import MAX_DEPTH, schema_from_value, schema_to_value


def to_value(types: Types) -> Any:
    """Lists, maps, text, integers, booleans and null: for a task's output."""
    return {
        "columns": [[name, _node_to_value(node)] for name, node in types.columns],
        "rows": types.rows,
        "lines": [list(pair) for pair in types.lines],
        "textual": types.textual,
    }


def from_value(value: Any) -> Types:
    """The types of a record form; raises `BadRecord` for anything that `to_value` can't have written."""
    try:
        types = Types(
            tuple((str(name), _node_from_value(node, 1)) for name, node in value["columns"]),
            int(value["rows"]),
            tuple((str(file), int(count)) for file, count in value["lines"]),
            bool(value["textual"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRecord("a scan's types are not in their record form") from None
    return types


def _node_to_value(node: Node) -> Any:
    value: dict[str, Any] = {}
    if node.item is not None:
        value["item"] = _node_to_value(node.item)
    elif node.fields is not None:
        value["fields"] = [[name, _node_to_value(field)] for name, field in node.fields]
    else:
        value["leaf"] = schema_to_value(pa.schema([("leaf", node.leaf)]))[0]
    for key, where in (("where", node.where), ("lossy", node.lossy)):
        if where is not None:
            value[key] = [where.file, where.line]
    return value


def _node_from_value(value: Any, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise BadRecord(f"a scan's types are nested deeper than {MAX_DEPTH} levels")
    return Node(
        leaf=schema_from_value([value["leaf"]]).field(0).type if "leaf" in value else NULL,
        where=Where(*value["where"]) if "where" in value else None,
        lossy=Where(*value["lossy"]) if "lossy" in value else None,
        item=_node_from_value(value["item"], depth + 1) if "item" in value else None,
        fields=_fields(value["fields"], depth + 1) if "fields" in value else None,
    )


def _fields(value: Any, depth: int) -> tuple[tuple[str, Node], ...]:
    return tuple((str(name), _node_from_value(field, depth)) for name, field in value)
