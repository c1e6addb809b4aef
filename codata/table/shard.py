"""Shard bytes: a canonical table as one uncompressed Arrow IPC file, and back. See `docs/spec/table.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.ipc as ipc

from cid_store.errors import LimitExceeded
from codata.errors import InvalidSchema, InvalidTable, MalformedTable, UnsupportedType
from codata.table.buffers import ArrowArray
from codata.table.canonical import BLOCK_ROWS, Rows, canonical_batch, canonical_blocks
from codata.table.envelope import check_envelope
from codata.table.golden import check_engine
from codata.table.types import canonical_schema
from codata.table.writer import write_file

Readable: TypeAlias = bytes | bytearray | memoryview | pa.Buffer

_READ: Final = ipc.IpcReadOptions(ensure_native_endian=False, use_threads=False)
_ALIGNMENT: Final = 8  # bytes: what the writer aligns buffers to within a file


def encode_table(table: Rows) -> pa.Buffer:
    """The canonical bytes of `table`, of any number of rows: one record batch per block.

    Raises `UnsupportedType`, `InvalidSchema`, `InvalidTable`, naming the column; `EngineMismatch`.
    """
    check_engine()
    return write_file(canonical_schema(table.schema), canonical_blocks(table))


def encode_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Buffer:
    """The canonical bytes of a partition file: each batch canonical by itself, of any length.

    Raises what `encode_table` raises, and `InvalidTable` for a batch of another schema.
    """
    check_engine()
    return write_file(canonical_schema(schema), _canonical_batches(canonical_schema(schema), batches))


def _canonical_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    for i, batch in enumerate(batches):
        if not canonical_schema(batch.schema).equals(schema):
            raise InvalidTable(f"batch {i} has another schema than the file")
        yield canonical_batch(batch)


def decode_table(data: Readable, *, check: bool = True) -> pa.Table:
    """The table of canonical bytes, without copying them: one chunk per block.

    Accepts exactly what `encode_table` writes: the table is encoded again and compared. `check=False` leaves
    that out, for bytes that were proven before; they are still validated in full.
    Raises `MalformedTable`, `LimitExceeded`.
    """
    schema, batches = _read(data)
    for i, batch in enumerate(batches):
        last = i == len(batches) - 1
        if not (0 < batch.num_rows <= BLOCK_ROWS if last else batch.num_rows == BLOCK_ROWS):
            raise MalformedTable(f"batch {i} of {len(batches)} has {batch.num_rows} rows")
    table = pa.Table.from_batches(batches, schema)
    if check:
        _compare(data, lambda: encode_table(table))
    return table


def decode_batches(data: Readable, *, check: bool = True) -> list[pa.RecordBatch]:
    """The batches of a partition file; otherwise as `decode_table`."""
    schema, batches = _read(data)
    if check:
        _compare(data, lambda: encode_batches(schema, batches))
    return batches


def decode_batch(data: Readable, index: int) -> pa.RecordBatch:
    """One batch of a partition file, validated in full, without reading the others.

    Raises `MalformedTable`, `LimitExceeded`, and `IndexError` for a batch that the file does not have.
    """
    with _reading():
        reader = _open(data)
        if not 0 <= index < reader.num_record_batches:
            raise IndexError(f"batch {index} of {reader.num_record_batches}")
        return _validated(reader.get_batch(index))


def _read(data: Readable) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    with _reading():
        reader = _open(data)
        return reader.schema, [_validated(reader.get_batch(i)) for i in range(reader.num_record_batches)]


@contextmanager
def _reading() -> Iterator[None]:
    """Map what pyarrow raises on malformed bytes, and what the encoder says of non-canonical tables."""
    try:
        yield
    except (InvalidTable, InvalidSchema, UnsupportedType) as e:
        raise MalformedTable(f"the table is not canonical: {e.message}") from None
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError) as e:
        raise MalformedTable(f"not a table: {str(e)[:200]}") from None


def _open(data: Readable) -> ipc.RecordBatchFileReader:
    buffer = pa.py_buffer(data)
    if buffer.address % _ALIGNMENT:  # a slice of something else: kernels may load aligned words
        buffer = pa.py_buffer(bytes(buffer))
    count = check_envelope(memoryview(buffer).cast("B"))
    reader = ipc.open_file(buffer, options=_READ)
    if reader.num_record_batches != count:
        raise MalformedTable("the file's batches can't be counted")
    if not canonical_schema(reader.schema).equals(reader.schema, check_metadata=True):
        raise MalformedTable("the table's schema is not canonical")
    return reader


def _validated(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)
    for column in batch.columns:
        _check_backed(column)
    return batch


def _check_backed(array: ArrowArray) -> None:
    """Lengths cost nothing to claim where no buffer backs them: in a fixed-size list of structs of nulls."""
    types = pa.types
    if not types.is_null(array.type) and len(array) > BLOCK_ROWS + 8 * array.nbytes:
        raise LimitExceeded(f"an array claims {len(array)} slots and holds {array.nbytes} bytes")
    if types.is_struct(array.type):
        for i in range(array.type.num_fields):
            _check_backed(array.field(i))
    elif types.is_large_list(array.type) or types.is_fixed_size_list(array.type):
        _check_backed(array.values)


def _compare(data: Readable, encode: Callable[[], pa.Buffer]) -> None:
    with _reading():
        canonical = encode()
    if not pa.py_buffer(data).equals(canonical):
        raise MalformedTable("the table's bytes are not canonical: its rows, written again, give other bytes")
