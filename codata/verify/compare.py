"""Where two tables part: block digests narrow it down, then rows are compared."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

import pyarrow as pa

from cid_store import Store
from cid_store.errors import BlockNotFound
from codata.records.receipt import Output
from codata.table import BLOCK_ROWS, block_digests, decode_table

SHOWN: Final = 3
"""Differing rows that are named."""

_WIDTH: Final = 60


def difference(store: Store, claimed: Mapping[str, Output], got: Mapping[str, Output]) -> str:
    """How two sets of outputs differ, for people."""
    if set(claimed) != set(got):
        return f"outputs {sorted(claimed)} are claimed; running it again gives {sorted(got)}"
    for name in sorted(claimed):
        a, b = claimed[name], got[name]
        if a == b:
            continue
        if a.hash is None or b.hash is None:
            return f"output {name!r} is claimed to be {a.cid}; running it again gives {b.cid}"
        text = f"output {name!r}: {a.rows} rows are claimed, running it again gives {b.rows}"
        try:
            return f"{text}; {rows_apart(read(store, a), read(store, b))}"
        except BlockNotFound:
            return f"{text}; the claimed rows are not here to compare"
    return "nothing"


def read(store: Store, output: Output) -> pa.Table:
    """An output's table."""
    return decode_table(store.open_file(output.cid).view())


def rows_apart(a: pa.Table, b: pa.Table) -> str:
    """The first differing rows of two tables, for people."""
    if a.schema != b.schema:
        return f"the columns differ: {_columns(a)} against {_columns(b)}"
    for block, (left, right) in enumerate(zip_longest(block_digests(a), block_digests(b))):
        if left != right:
            start = block * BLOCK_ROWS
            return _first_rows(a.slice(start, BLOCK_ROWS), b.slice(start, BLOCK_ROWS), start)
    return "the rows are equal"


def _columns(table: pa.Table) -> str:
    return ", ".join(f"{f.name}: {f.type}" for f in table.schema)


def _first_rows(a: pa.Table, b: pa.Table, start: int) -> str:
    found: list[str] = []
    for i in range(max(a.num_rows, b.num_rows)):
        left = a.slice(i, 1).to_pylist() if i < a.num_rows else [None]
        right = b.slice(i, 1).to_pylist() if i < b.num_rows else [None]
        # repr, because NaN differs from itself
        if repr(left) != repr(right):
            found.append(f"row {start + i} is {_short(left[0])} against {_short(right[0])}")
        if len(found) == SHOWN:
            break
    return "; ".join(found) or "the rows print alike and differ in bytes"


def _short(row: object) -> str:
    if row is None:
        return "missing"
    text = repr(row)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
