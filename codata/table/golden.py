"""Does the installed pyarrow write the bytes that the specification fixes? Asked once, before any write.

The library promises a readable format, not stable bytes. A shard written with other bytes would get another
CID for the same rows, so nothing is written then.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from codata.errors import EngineMismatch
from codata.table.buffers import ArrowArray
from codata.table.canonical import canonical_batch
from codata.table.types import canonical_schema
from codata.table.writer import write_file

GOLDEN_SHA256: Final = "31cef59c05c6905463d355fd86d7dd6a394a81248af000bcb055f542127426ba"
"""Of the golden table's shard bytes. The same value stands in `docs/spec/table.md`."""

_ROWS: Final = 150
_BATCH_ROWS: Final = 100


def golden_table() -> pa.Table:
    """Every canonical type, with nulls, empty values and nested nulls."""
    n = _ROWS
    small: Any = np.arange(n, dtype=np.int64) % 100
    nulls = small % 7 == 3
    ints = pa.array(small, mask=nulls)
    text = pa.array(["", "a", "ß€", "the quick brown fox"], pa.large_string()).take(
        pa.array(small % 4, mask=nulls)
    )
    columns: dict[str, ArrowArray] = {
        "null": pa.nulls(n),
        "bool": pa.array(small % 3 == 0, mask=nulls),
        "string": text,
        "binary": text.cast(pa.large_binary()),
        "fixed_size_binary": pa.array([b"abc", None, b"xyz"], pa.binary(3)).take(pa.array(small % 3)),
        "full": pa.array(np.arange(n, dtype=np.int64)),
    }
    for t in _FROM_INT:
        columns[str(t)] = ints.cast(t)
    for t in _FROM_INT32:
        columns[str(t)] = ints.cast(pa.int32()).cast(t)
    for t in _FROM_INT64:
        columns[str(t)] = ints.cast(t)
    columns |= _nested(small)
    return pa.table(columns)


_FROM_INT: Final = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float32(), pa.float64(), pa.decimal128(38, 3), pa.decimal256(76, 2)),
]
_FROM_INT32: Final = [pa.date32(), pa.time32("ms")]
_FROM_INT64: Final = [
    *(pa.time64("us"), pa.time64("ns")),
    *(pa.duration("s"), pa.duration("ms"), pa.duration("us"), pa.duration("ns")),
    *(pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin")),
]


def _nested(small: Any) -> dict[str, ArrowArray]:
    lists: list[list[int | None] | None] = [[], None, [1], [2, None, 3]]
    structs = [{"a": 1, "b": "x"}, None, {"a": None, "b": ""}]
    pairs = [[1.5, None], None, [float("nan"), -0.0]]
    deep = [[[{"k": [True, None]}], None], [], None]
    struct = pa.struct([("a", pa.int32()), ("b", pa.large_string())])
    inner = pa.struct([("k", pa.large_list(pa.bool_()))])
    samples = {
        "float16": pa.array(np.array([0.5, -0.0, np.nan], np.float16)),
        "list": pa.array(lists, pa.large_list(pa.int16())),
        "empty_lists": pa.array([[], None], pa.large_list(pa.large_string())),
        "null_lists": pa.array([[None], []], pa.large_list(pa.null())),
        "struct": pa.array(structs, struct),
        "fixed_size_list": pa.array(pairs, pa.list_(pa.float64(), 2)),
        "deep": pa.array(deep, pa.large_list(pa.large_list(inner))),
    }
    return {name: sample.take(pa.array(small % len(sample))) for name, sample in samples.items()}


def golden_bytes() -> pa.Buffer:
    """The golden table as this pyarrow writes it, in two batches."""
    table = golden_table()
    batches = [canonical_batch(batch) for batch in table.to_batches(max_chunksize=_BATCH_ROWS)]
    return write_file(canonical_schema(table.schema), batches)


@cache
def check_engine() -> None:
    """Raise `EngineMismatch` unless this process's pyarrow writes canonical bytes."""
    digest = hashlib.sha256(golden_bytes()).hexdigest()
    if digest != GOLDEN_SHA256:
        raise EngineMismatch(
            f"pyarrow {pa.__version__} writes tables with other bytes than the specification fixes "
            f"(golden table {digest}, expected {GOLDEN_SHA256})"
        )
