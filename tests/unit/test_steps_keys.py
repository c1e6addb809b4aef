"""The encoding of rows that steps compare and draw by, against a plain second implementation."""

from __future__ import annotations

import hashlib
import struct
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from codata_jobs.keys import digests, encode_rows, hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.table import canonical_table


def _reference(value: Any, t: pa.DataType) -> bytes:
    if value is None:
        return b"\x00"
    types = pa.types
    if types.is_boolean(t):
        body = bytes([value])
    elif types.is_integer(t):
        body = value.to_bytes(t.bit_width // 8, "little", signed=types.is_signed_integer(t))
    elif types.is_float64(t):
        body = struct.pack("<d", value) if value == value else b"\0\0\0\0\0\0\xf8\x7f"
    elif types.is_large_string(t) or types.is_large_binary(t):
        data = value.encode() if isinstance(value, str) else value
        body = struct.pack("<Q", len(data)) + data
    elif types.is_large_list(t):
        body = struct.pack("<Q", len(value)) + b"".join(_reference(v, t.value_type) for v in value)
    elif types.is_fixed_size_list(t):
        body = b"".join(_reference(v, t.value_type) for v in value)
    elif types.is_struct(t):
        body = b"".join(_reference(value[f.name], f.type) for f in t)
    elif types.is_decimal128(t):
        body = int(value.scaleb(t.scale)).to_bytes(16, "little", signed=True)
    else:
        body = bytes(value)
    return b"\x01" + body


_TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "bool": (pa.bool_(), st.booleans()),
    "i8": (pa.int8(), st.integers(-128, 127)),
    "u64": (pa.uint64(), st.integers(0, (1 << 64) - 1)),
    "f64": (pa.float64(), st.floats()),
    "text": (pa.large_string(), st.text(max_size=4)),
    "bytes": (pa.large_binary(), st.binary(max_size=4)),
    "fixed": (pa.binary(3), st.binary(min_size=3, max_size=3)),
    "decimal": (pa.decimal128(5, 2), st.integers(-99999, 99999).map(lambda i: Decimal(i).scaleb(-2))),
    "null": (pa.null(), st.none()),
    "list": (pa.large_list(pa.large_string()), st.lists(st.none() | st.text(max_size=2), max_size=3)),
    "nested": (
        pa.large_list(pa.large_list(pa.int8())),
        st.lists(st.none() | st.lists(st.none() | st.integers(0, 3), max_size=2), max_size=2),
    ),
    "three": (pa.list_(pa.int8(), 3), st.lists(st.none() | st.integers(0, 9), min_size=3, max_size=3)),
    "struct": (
        pa.struct([("a", pa.int8()), ("b", pa.large_string())]),
        st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": st.none() | st.text(max_size=2)}),
    ),
}


@pytest.mark.parametrize("name", _TYPES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_encoding_equals_the_reference(name: str, data: st.DataObject) -> None:
    t, strategy = _TYPES[name]
    values = data.draw(st.lists(st.none() | strategy, max_size=8))
    skipped = data.draw(st.integers(0, len(values)))
    table = canonical_table(pa.table({"x": pa.array(values, t), "y": pa.array(range(len(values)))}))
    found = encode_rows(table.slice(skipped), ["y", "x"], b"p").to_pylist()
    schema = table.schema
    assert found == [
        b"p" + _reference(i, pa.int64()) + _reference(v, schema.field("x").type)
        for i, v in list(enumerate(values))[skipped:]
    ]


def test_rows_that_differ_only_in_where_text_ends_differ() -> None:
    table = pa.table({"a": ["x", "xy", None, ""], "b": ["yz", "z", "", None]})
    assert len(set(encode_rows(table, ["a", "b"]).to_pylist())) == 4


def test_digests_are_truncated_sha256() -> None:
    rows = encode_rows(pa.table({"a": ["x", "y", None]}), ["a"]).slice(1)
    wanted = [hashlib.sha256(r).digest()[:16] for r in rows.to_pylist()]
    assert digests(rows).to_pylist() == wanted
    assert hashes(digests(rows).slice(1)).tolist() == [int.from_bytes(wanted[1][:8], "big")]
    assert digests(rows.slice(0, 0)).to_pylist() == []
    assert wanted[0].hex() == hashlib.sha256(b"\x01" + (1).to_bytes(8, "little") + b"y").hexdigest()[:32]
