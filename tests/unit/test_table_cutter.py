"""The cutter against second implementations of `docs/spec/cutter.md`: plain integers, one loop."""

from __future__ import annotations

import itertools
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.table import Candidates, candidates, canonical_batch, choose, cuts, part_sizes, schema_from_value
from codata.table.cutter import GREATEST, LEAST, MIB, NORMAL, RELAXED, STRICT
from codata.table.rows import row_hashes, row_sizes
from tests.unit import table_samples as samples
from tests.unit.test_table_golden import spec_rows

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "cutter.md"

WORD = (1 << 64) - 1
K1, K2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
NULL, SEED = 0x9E3779B97F4A7C15, 0x2545F4914F6CDD1D


# -- rows ----------------------------------------------------------------------------------------------------


def join(first: int, last: int, size: int) -> int:
    return ((first * K1 & WORD ^ last) + size * K2) & WORD


def fold(hashes: list[int]) -> int:
    state = SEED
    for h in hashes:
        state = (state ^ h) * K1 & WORD
        state ^= state >> 32
    return state


def finish(state: int) -> int:
    state = (state ^ state >> 30) * K1 & WORD
    state = (state ^ state >> 27) * K2 & WORD
    return state ^ state >> 31


def of_bytes(data: bytes) -> int:
    return join(int.from_bytes(data[:8], "little"), int.from_bytes(data[-8:], "little"), len(data))


def value_hash(value: Any, t: pa.DataType) -> int:
    types = pa.types
    if value is None:
        return NULL
    if types.is_boolean(t):
        return int(value)
    if types.is_struct(t):
        return fold([value_hash(value[f.name], f.type) for f in t])
    if types.is_large_list(t) or types.is_fixed_size_list(t):
        ends = [value_hash(value[i], t.value_type) for i in (0, -1)] if value else [0, 0]
        return join(ends[0], ends[1], len(value))
    if types.is_large_string(t) or types.is_large_binary(t):
        return of_bytes(value.encode() if isinstance(value, str) else value)
    batch = canonical_batch(pa.record_batch({"c": pa.array([value], t)}))
    data = batch.column(0).buffers()[1].to_pybytes()
    return int.from_bytes(data, "little") if len(data) in (1, 2, 4, 8) else of_bytes(data)


def value_size(value: Any, t: pa.DataType) -> int:
    types = pa.types
    if types.is_null(t):
        return 0
    if types.is_boolean(t):
        return 1
    if types.is_struct(t):
        return sum(value_size(value and value[f.name], f.type) for f in t)
    if types.is_fixed_size_list(t):
        return sum(value_size(v, t.value_type) for v in value or [None] * t.list_size)
    if types.is_large_list(t):
        return 8 + sum(value_size(v, t.value_type) for v in value or [])
    if types.is_large_string(t) or types.is_large_binary(t):
        return 8 + len(value.encode() if isinstance(value, str) else value or b"")
    return int(t.bit_width // 8)


@given(samples.columns(), samples.columns(max_rows=3))
def test_rows_against_the_reference(a: Any, b: Any) -> None:
    (t, values), (u, others) = a, b
    others = ([*others, None] * (len(values) + 1))[: len(values)]
    table = pa.record_batch({"a": samples.dirty(values, t), "b": samples.dirty(others, u)})
    batch = canonical_batch(table)
    pairs = list(zip(values, others, strict=True))
    assert row_sizes(batch).tolist() == [1 + value_size(v, t) + value_size(o, u) for v, o in pairs]
    expected = [finish(fold([value_hash(v, t), value_hash(o, u)])) for v, o in pairs]
    assert row_hashes(batch).tolist() == expected


@pytest.mark.parametrize(
    ("type_", "values", "sizes", "hashes"), spec_rows("| type | values | sizes | hashes |", SPEC)
)
def test_rows_of_the_specification(type_: str, values: str, sizes: str, hashes: str) -> None:
    schema = schema_from_value([{"name": "c", "type": json.loads(type_)}])
    rows = json.loads(values)
    if pa.types.is_decimal(schema.field("c").type):
        rows = [None if v is None else Decimal(v) for v in rows]
    batch = canonical_batch(pa.record_batch({"c": pa.array(rows, schema.field("c").type)}))
    assert [str(s) for s in row_sizes(batch).tolist()] == sizes.split()
    assert [f"{h:016x}" for h in row_hashes(batch).tolist()] == hashes.replace("`", "").split()


def test_hashes_spread_over_neighbouring_numbers() -> None:
    n = 1 << 16
    batch = canonical_batch(pa.record_batch({"c": np.arange(n)}))
    counts = np.bincount((row_hashes(batch) >> np.uint64(56)).astype(np.int64), minlength=256)
    # 256 rows expected in each of 256 buckets, standard deviation 16; six of them would be a fault
    assert abs(counts - 256).max() < 96


# -- cuts ----------------------------------------------------------------------------------------------------


def cut_by_loop(hashes: list[int], sizes: list[int]) -> list[int]:
    """Rows of each shard, row by row as the specification says."""
    found, rows, size = [], 0, 0
    for h, b in zip(hashes, sizes, strict=True):
        if rows and size + b > GREATEST:
            found.append(rows)
            rows = size = 0
        rows, size = rows + 1, size + b
        strict = (h >> 32) * STRICT < b << 32
        relaxed = (h >> 32) * RELAXED < b << 32
        if (size >= LEAST and strict) or (size >= NORMAL and relaxed):
            found.append(rows)
            rows = size = 0
    return [*found, rows] if rows else found


def part(hashes: np.ndarray, sizes: np.ndarray) -> Candidates:
    """Candidates by Python's own integers."""
    pairs = list(zip(hashes.tolist(), sizes.tolist(), strict=True))
    relaxed = [i for i, (h, b) in enumerate(pairs) if (h >> 32) * RELAXED < b << 32]
    strict = [(pairs[i][0] >> 32) * STRICT < pairs[i][1] << 32 for i in relaxed]
    ends = np.cumsum(sizes)
    return Candidates(
        np.array(relaxed, np.int64),
        ends[relaxed] if relaxed else np.zeros(0, np.int64),
        np.array(strict, np.bool_),
        len(sizes),
        int(sizes.sum()),
    )


@settings(max_examples=200)
@given(
    st.integers(0, 2**32),
    st.integers(0, 400),
    st.sampled_from([MIB // 50, MIB // 3, 2 * MIB, 30 * MIB]),
    st.sampled_from(["random", "none", "every"]),
    st.lists(st.integers(0, 400), max_size=5),
)
def test_cuts_against_the_reference_in_any_parts(
    seed: int, rows: int, scale: int, kind: str, splits: list[int]
) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 2 * scale, rows)
    hashes = {
        "random": random.integers(0, 2**64, rows, dtype=np.uint64),
        "none": np.full(rows, WORD, np.uint64),
        "every": np.zeros(rows, np.uint64),
    }[kind]
    edges = [0, *sorted(min(s, rows) for s in splits), rows]
    spans = [slice(a, b) for a, b in itertools.pairwise(edges)]
    found = choose([part(hashes[s], sizes[s]) for s in spans], lambda i: sizes[spans[i]])

    assert [c.rows for c in found] == cut_by_loop(hashes.tolist(), sizes.tolist())
    pieces = [sizes[spans[s.part]][s.start : s.end] for c in found for s in c.segments]
    assert all(len(p) for p in pieces)
    assert np.concatenate([*pieces, []]).tolist() == sizes.tolist()
    assert [c.bytes for c in found] == [
        sum(int(sizes[spans[s.part]][s.start : s.end].sum()) for s in c.segments) for c in found
    ]


def text_table(rows: int, seed: int = 5) -> pa.Table:
    random = np.random.default_rng(seed)
    ends = np.cumsum([0, *random.integers(0, 4000, rows)])
    data = random.integers(97, 123, ends[-1], dtype=np.uint8)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(data)]
    return pa.table({"text": pa.Array.from_buffers(pa.large_string(), rows, buffers)})


def shards(table: pa.Table) -> list[tuple[int, int]]:
    edges = np.cumsum([0, *(c.rows for c in cuts(table))]).tolist()
    return list(itertools.pairwise(edges))


def test_a_table_is_cut_by_its_rows_alone() -> None:
    table = text_table(60_000)
    batch = [row for block in table.to_batches() for row in row_hashes(canonical_batch(block)).tolist()]
    assert [b - a for a, b in shards(table)] == cut_by_loop(batch, part_sizes(table).tolist())
    assert len(shards(table)) > 4


def test_appending_keeps_all_but_the_last_shard() -> None:
    table = text_table(60_000)
    longer = shards(pa.concat_tables([table, text_table(3_000, seed=6)]))
    assert longer[: len(shards(table)) - 1] == shards(table)[:-1]


def test_after_an_edit_the_cuts_fall_together_again() -> None:
    table = text_table(60_000)
    cut_out = pa.concat_tables([table.slice(0, 100), table.slice(101)])
    before, after = shards(table), shards(cut_out)
    assert after[-2:] == [(a - 1, b - 1) for a, b in before[-2:]]


def test_candidates_of_a_part_with_several_blocks() -> None:
    table = pa.table({"c": np.arange(200_000), "d": pa.array(["some text"] * 200_000)})
    found = candidates(table)
    ends = np.cumsum(part_sizes(table))
    assert found.total_rows == 200_000
    assert found.total_bytes == ends[-1]
    assert len(found.rows) > 0
    assert (found.ends == ends[found.rows]).all()


def test_rows_that_are_all_alike_give_shards_of_the_greatest_size() -> None:
    found = cuts(pa.table({"c": np.full(6_000_000, 7)}))
    assert [c.bytes for c in found][:-1] == [GREATEST // 9 * 9]


def test_one_huge_row_is_the_last_of_its_shard() -> None:
    values = ["a", "x" * (GREATEST + 1), "b"]
    found = cuts(pa.table({"c": values}))
    assert [c.rows for c in found] == [1, 1, 1]


def test_no_rows_give_no_shards() -> None:
    assert cuts(pa.table({"c": pa.array([], pa.string())})) == []
    assert choose([], lambda _: np.zeros(0, np.int64)) == []


def test_shards_of_the_specification() -> None:
    stated = re.search(r"shards of these many rows: ([\d,]+(?:, [\d,]+)*)\.", SPEC.read_text("utf-8"))
    assert stated
    found = cuts(pa.table({"i": np.arange(10_000_000)}))
    assert [f"{c.rows:,}" for c in found] == stated[1].split(", ")
