"""The logical hash: SHA-256 over canonical values, independent of any file format. See `docs/spec/table.md`.

It costs one pass over the values, and for a table that is canonical already it copies none of them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Final, Protocol

import pyarrow as pa

from cid_store.codecs import dag_cbor
from codata.table.buffers import ArrowArray
from codata.table.canonical import Rows, canonical_blocks
from codata.table.types import canonical_schema, schema_to_value

# One prefix a kind of digest, so that no digest can be taken for one of another kind.
_COLUMN: Final = b"codata/table/1/column\n"
_BLOCK: Final = b"codata/table/1/block\n"
_TABLE: Final = b"codata/table/1/table\n"

_U64: Final = struct.Struct("<Q")


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...


def logical_hash(table: Rows) -> bytes:
    """The 32-byte digest of the table's schema and rows; raises what `canonical_table` raises."""
    return combine(table.schema, table.num_rows, block_digests(table))


def block_digests(table: Rows) -> list[bytes]:
    """The digest of each block of 65,536 rows, in order: what narrows a difference down."""
    return [_block_digest(block) for block in canonical_blocks(table)]


def combine(schema: pa.Schema, rows: int, digests: Sequence[bytes]) -> bytes:
    """The logical hash of `rows` rows whose blocks have these digests."""
    encoded = dag_cbor.encode(schema_to_value(canonical_schema(schema)))
    head = _TABLE + _U64.pack(rows) + _U64.pack(len(encoded)) + encoded
    return hashlib.sha256(head + b"".join(digests)).digest()


def _block_digest(block: pa.RecordBatch) -> bytes:
    digests = [_column_digest(column) for column in block.columns]
    return hashlib.sha256(_BLOCK + _U64.pack(block.num_rows) + b"".join(digests)).digest()


def _column_digest(array: ArrowArray) -> bytes:
    state = hashlib.sha256(_COLUMN)
    _update(state, array)
    return state.digest()


def _update(state: _Hash, array: ArrowArray) -> None:
    """Feed one canonical array: its length, its buffers, then its children, depth first."""
    types, t = pa.types, array.type
    state.update(_U64.pack(len(array)))
    if types.is_null(t):
        return
    if types.is_struct(t):
        own, children = 1, [array.field(i) for i in range(t.num_fields)]
    elif types.is_large_list(t):
        own, children = 2, [array.values]
    elif types.is_fixed_size_list(t):
        own, children = 1, [array.values]
    else:
        own, children = 3, []
    for buffer in array.buffers()[:own]:
        state.update(_U64.pack(0 if buffer is None else buffer.size))
        if buffer is not None:
            state.update(memoryview(buffer))
    for child in children:
        _update(state, child)
