"""Tables for the identity tests: random types with random values, and other encodings of the same values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

NAN = float("nan")
FLOATS = st.sampled_from([0.0, -0.0, 1.5, NAN, float("inf"), -2.25])

LEAVES: list[tuple[pa.DataType, st.SearchStrategy[Any], Any]] = [
    (pa.null(), st.none(), None),
    (pa.bool_(), st.booleans(), True),
    (pa.int8(), st.integers(-128, 127), 77),
    (pa.uint16(), st.integers(0, 65535), 7777),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1), -1),
    (pa.uint64(), st.integers(0, 2**64 - 1), 2**64 - 1),
    (pa.float16(), FLOATS.map(np.float16), np.float16(3)),
    (pa.float32(), FLOATS, NAN),
    (pa.float64(), FLOATS, NAN),
    (pa.large_string(), st.sampled_from(["", "a", "zwölf", "exactly8", "the quick brown fox"]), "garbage"),
    (pa.large_binary(), st.binary(max_size=20), b"garbage"),
    (pa.binary(3), st.binary(min_size=3, max_size=3), b"xyz"),
    (pa.binary(20), st.binary(min_size=20, max_size=20), b"x" * 20),
    (pa.decimal128(10, 2), st.integers(-(10**6), 10**6).map(lambda i: Decimal(i) / 100), Decimal("9.99")),
    (pa.decimal256(50, 1), st.integers(-(10**40), 10**40).map(lambda i: Decimal(i).scaleb(-1)), Decimal(5)),
    (pa.date32(), st.dates(), dt.date(2000, 1, 2)),
    (pa.time32("ms"), st.integers(0, 86_399_999), 5),
    (pa.time64("ns"), st.integers(0, 86_399_999_999_999), 5),
    (pa.timestamp("us", "UTC"), st.integers(-(2**50), 2**50), 5),
    (pa.duration("s"), st.integers(-(2**40), 2**40), 5),
]
_VALUES = {t: values for t, values, _ in LEAVES}
_FILLERS = {t: filler for t, _, filler in LEAVES}

types = st.recursive(
    st.sampled_from([t for t, _, _ in LEAVES]),
    lambda inner: st.one_of(
        inner.map(lambda t: pa.large_list(pa.field("item", t))),
        inner.map(lambda t: pa.list_(pa.field("item", t), 2)),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda ts: pa.struct([(f"f{i}", t) for i, t in enumerate(ts)])
        ),
    ),
    max_leaves=4,
)


def values_of(t: pa.DataType) -> st.SearchStrategy[Any]:
    """Python values of a type, null among them."""
    if pa.types.is_large_list(t):
        return st.none() | st.lists(values_of(t.value_type), max_size=4)
    if pa.types.is_fixed_size_list(t):
        return st.none() | st.lists(values_of(t.value_type), min_size=t.list_size, max_size=t.list_size)
    if pa.types.is_struct(t):
        # as pairs: hypothesis draws dictionaries in any order of keys, and tests compare how values print
        return st.none() | st.tuples(*(values_of(f.type) for f in t)).map(
            lambda found: {f.name: v for f, v in zip(t, found, strict=True)}
        )
    return st.none() | _VALUES[t]


def _filler(t: pa.DataType) -> Any:
    if pa.types.is_large_list(t):
        return [_filler(t.value_type)] * 3
    if pa.types.is_fixed_size_list(t):
        return [_filler(t.value_type)] * t.list_size
    if pa.types.is_struct(t):
        return {f.name: _filler(f.type) for f in t}
    return _FILLERS[t]


@st.composite
def columns(draw: st.DrawFn, max_rows: int = 40) -> tuple[pa.DataType, list[Any]]:
    """A type and values of it."""
    t = draw(types)
    return t, draw(st.lists(values_of(t), max_size=max_rows))


def clean(values: list[Any], t: pa.DataType) -> pa.Array:
    """The array that pyarrow builds of these values."""
    return pa.array(values, t)


def dirty(values: list[Any], t: pa.DataType) -> pa.Array:
    """The same values with others lying under every null, at every level, and ones after the last bit."""
    if pa.types.is_null(t):
        return pa.nulls(len(values))
    filled = [_filler(t) if v is None else v for v in values]
    valid = np.ones((len(values) + 7) // 8 * 8 + 8, np.bool_)
    valid[: len(values)] = [v is not None for v in values]
    slots = pa.py_buffer(np.packbits(valid, bitorder="little"))
    own, children = [slots], None
    if pa.types.is_large_list(t):
        own.append(pa.py_buffer(np.cumsum([0, *map(len, filled)]).astype(np.int64)))
        children = [dirty([x for v in filled for x in v], t.value_type)]
    elif pa.types.is_fixed_size_list(t):
        children = [dirty([x for v in filled for x in v], t.value_type)]
    elif pa.types.is_struct(t):
        children = [dirty([v[f.name] for v in filled], f.type) for f in t]
    else:
        own += pa.array(filled, t).buffers()[1:]
    return pa.Array.from_buffers(t, len(values), own, children=children)


def sliced(values: list[Any], t: pa.DataType, before: int) -> pa.Array:
    """The same values, as a slice of a longer array with garbage around them."""
    fill = _filler(t)
    return dirty([fill] * before + values + [None, fill], t).slice(before, len(values))


def chunked(values: list[Any], t: pa.DataType, at: int) -> pa.ChunkedArray:
    """The same values in three chunks, one of them empty."""
    at = min(at, len(values))
    return pa.chunked_array([dirty(values[:at], t), pa.array([], t), clean(values[at:], t)])


def small_type(t: pa.DataType) -> pa.DataType:
    """`t` with 32-bit offsets, other child names and metadata: another spelling of it."""
    if pa.types.is_large_list(t):
        return pa.list_(pa.field("element", small_type(t.value_type), metadata={"a": "b"}))
    if pa.types.is_fixed_size_list(t):
        return pa.list_(pa.field("element", small_type(t.value_type)), t.list_size)
    if pa.types.is_struct(t):
        return pa.struct([pa.field(f.name, small_type(f.type), metadata={"k": "v"}) for f in t])
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(t, t)


def view_type(t: pa.DataType) -> pa.DataType:
    """`t` with views in place of offsets."""
    if pa.types.is_large_list(t):
        return pa.list_view(view_type(t.value_type))
    if pa.types.is_struct(t):
        return pa.struct([(f.name, view_type(f.type)) for f in t])
    return {pa.large_string(): pa.string_view(), pa.large_binary(): pa.binary_view()}.get(t, t)
