"""What Parquet and Arrow files share: types from the file's schema, tables brought under the common one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from codata.errors import InvalidSchema, MalformedInput
from codata.ingest.base import Options, Scan
from codata.ingest.conform import conform
from codata.ingest.observe import columns_of, node_of
from codata.ingest.types import Columns, Node, Types, Where, merge_nodes, plain_schema
from codata.table.types import canonical_schema

# What pyarrow's readers raise for damaged bytes, and for claims that no memory could hold.
NATIVE_ERRORS: Final = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)


def scan_tables(schema: pa.Schema, tables: Iterator[pa.Table], options: Options) -> Iterator[Scan]:
    """A scan of each table; of none, one that carries the file's types."""
    canonical = _canonical(schema, options)
    own = _nodes(canonical, options)
    empty = True
    for table in tables:
        empty = False
        yield _scan(conform(table, canonical, options.name), own, options)
    if empty:
        yield _scan(canonical.empty_table(), own, options)


def under(tables: Iterator[pa.Table], schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
    """Each table under `schema`; of none, an empty one."""
    empty = True
    for table in tables:
        empty = False
        yield conform(table, schema, options.name)
    if empty:
        yield schema.empty_table()


def _canonical(schema: pa.Schema, options: Options) -> pa.Schema:
    try:
        return canonical_schema(schema)
    except UnicodeDecodeError:
        raise MalformedInput(f"{options.name}: a column's name or time zone is not UTF-8") from None


def _scan(table: pa.Table, own: Columns, options: Options) -> Scan:
    # The file's schema speaks even where a column is null; the values add integers that doubles change.
    seen = dict(columns_of(table, lambda _: Where(options.name)))
    columns = tuple((name, merge_nodes(node, seen[name], name)) for name, node in own)
    declared = {f.name: f.type for f in options.declared}
    columns = tuple((name, Node(declared[name]) if name in declared else node) for name, node in columns)
    types = Types(columns, table.num_rows)
    return Scan(types, conform(table, plain_schema(types, options.declared), options.name))


def _nodes(schema: pa.Schema, options: Options) -> Columns:
    if len(set(schema.names)) != len(schema.names):
        raise InvalidSchema(f"{options.name}: two columns have one name")
    place = Where(options.name)
    return tuple((f.name, node_of(pa.array([], f.type), lambda _: place, f.name)) for f in schema)
