"""Shard bytes: what is written, and what is refused when read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.errors import LimitExceeded
from codata.errors import InvalidTable, MalformedTable
from codata.table import (
    BLOCK_ROWS,
    canonical_table,
    decode_batch,
    decode_batches,
    decode_table,
    encode_batches,
    encode_table,
    golden,
)

TABLE = canonical_table(pa.table({"i": [1, None, 3], "s": ["a", None, "c"], "l": [[1], None, []]}))
BYTES = encode_table(TABLE).to_pybytes()
REQUIRED = pa.schema([pa.field("c", pa.int64(), nullable=False)])
GOLDEN = golden.golden_bytes().to_pybytes()


def written(table: pa.Table, **options: object) -> bytes:
    """The table as pyarrow alone writes it."""
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_batches_are_blocks() -> None:
    data = encode_table(pa.table({"c": np.arange(BLOCK_ROWS * 2 + 1)}))
    reader = ipc.open_file(data)
    assert [reader.get_batch(i).num_rows for i in range(3)] == [BLOCK_ROWS, BLOCK_ROWS, 1]


def test_no_rows_are_no_batches() -> None:
    data = encode_table(TABLE.slice(0, 0))
    assert ipc.open_file(data).num_record_batches == 0
    assert decode_table(data).equals(TABLE.slice(0, 0))


def test_any_arrow_reader_reads_a_shard() -> None:
    assert ipc.open_file(BYTES).read_all().equals(TABLE)


def test_decoding_does_not_copy() -> None:
    data = pa.py_buffer(encode_table(pa.table({"c": np.arange(1000)})))
    values = decode_table(data)["c"].chunk(0).buffers()[1]
    assert data.address < values.address < data.address + data.size


def test_bytes_at_any_address() -> None:
    shifted = memoryview(b"x" + BYTES)[1:]
    assert decode_table(shifted).equals(TABLE)


def test_partition_files_keep_their_batches() -> None:
    batches = [TABLE.slice(0, 2), TABLE.slice(0, 0), TABLE.slice(1, 2)]
    one = [b.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], TABLE.schema)] for b in batches]
    data = encode_batches(TABLE.schema, [b for bs in one for b in bs])
    assert [b.num_rows for b in decode_batches(data)] == [2, 0, 2]
    assert pa.Table.from_batches([decode_batch(data, 2)]).equals(TABLE.slice(1, 2))
    with pytest.raises(IndexError):
        decode_batch(data, 3)
    with pytest.raises(IndexError):
        decode_batch(data, -1)
    with pytest.raises(MalformedTable, match="has 2 rows"):
        decode_table(data)


def test_a_partition_of_another_schema_is_refused() -> None:
    with pytest.raises(InvalidTable, match="batch 0"):
        encode_batches(TABLE.schema, [pa.record_batch({"x": [1]})])


def not_canonical() -> list[bytes]:
    zeroed = TABLE["i"].chunk(0).buffers()
    garbage = pa.Array.from_buffers(pa.int64(), 3, [zeroed[0], pa.py_buffer(np.array([1, 99, 3], np.int64))])
    all_valid = pa.Array.from_buffers(pa.int64(), 8, [pa.py_buffer(b"\xff"), pa.py_buffer(bytes(64))], 0)
    nan = np.array([0xFFF8000000000000], np.uint64).view(np.float64)
    assert all_valid.null_count == 0
    return [
        written(TABLE.set_column(0, "i", garbage)),
        written(pa.table({"c": nan})),
        written(TABLE.replace_schema_metadata({"k": "v"})),
        written(pa.table({"c": ["small offsets"]})),
        written(pa.table({"c": pa.array(["a"]).dictionary_encode()})),
        written(pa.table({"c": pa.array([1])}, schema=REQUIRED)),
        written(pa.table({"c": pa.chunked_array([[1], [2]])})),
        written(pa.table({"c": pa.array([1, 2])}).slice(0, 0)) + b"\0",
        written(pa.table({"c": pa.array(np.arange(BLOCK_ROWS + 1))})),
        written(TABLE, compression="zstd"),
        written(TABLE, metadata_version=ipc.MetadataVersion.V4),
        BYTES[:-1],
        BYTES + b"\0",
        BYTES[:8] + bytes(8) + BYTES[8:],
        b"",
        b"ARROW1\0\0" + b"ARROW1",
        b"ARROW1\0\0" + bytes(100) + b"\xff\xff\xff\xffARROW1",
    ]


@pytest.mark.parametrize("data", not_canonical())
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedTable):
        decode_table(data)


def test_compression_is_refused_before_it_is_undone() -> None:
    with pytest.raises(MalformedTable, match="compressed"):
        decode_table(written(pa.table({"c": np.zeros(10_000)}), compression="lz4"), check=False)


def test_lengths_without_bytes_are_bounded() -> None:
    struct = pa.struct([pa.field("x", pa.null())])
    inner = pa.Array.from_buffers(struct, 2**20 * 4, [None], 0, children=[pa.nulls(2**20 * 4)])
    column = pa.Array.from_buffers(pa.list_(pa.field("item", struct), 2**20), 4, [None], 0, children=[inner])
    data = written(pa.table({"c": column}))
    assert len(data) < 2000
    with pytest.raises(LimitExceeded, match="claims 4194304 slots"):
        decode_table(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([BYTES, GOLDEN]), st.data())
def test_damaged_bytes_are_refused_or_encode_to_themselves(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    try:
        batches = decode_batches(bytes(damaged))
    except (MalformedTable, LimitExceeded):
        return
    schema = ipc.open_file(bytes(damaged)).schema
    assert encode_batches(schema, batches).to_pybytes() == bytes(damaged)


@given(st.integers(0, len(BYTES) - 1))
def test_every_cut_short_file_is_refused(length: int) -> None:
    with pytest.raises(MalformedTable):
        decode_table(BYTES[:length])
