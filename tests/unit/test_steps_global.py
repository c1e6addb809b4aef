"""Global steps against plain references, whatever the split into parts and however narrow the exchange."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import codata_jobs.join as join_step
import codata_jobs.sort as sort_step
import pyarrow as pa
import pytest
from codata_jobs import matching
from codata_jobs.shuffle import places_of
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import MissingColumn, ParameterError, TaskFailed
from codata.plan import exchange as ex
from codata.table import logical_hash
from tests.driving import Driver

SCHEMA = pa.schema([("n", pa.int64()), ("s", pa.large_string()), ("f", pa.float64()), ("i", pa.int64())])

values = st.tuples(
    st.none() | st.integers(-2, 2),
    st.none() | st.sampled_from(["", "a", "b", "ä", "aa"]),
    st.none() | st.sampled_from([0.0, -0.0, 1.5, -1.5, math.inf, -math.inf, math.nan]),
)


@st.composite
def split_tables(draw: st.DrawFn, rows: int = 25) -> tuple[pa.Table, list[int]]:
    found = draw(st.lists(values, max_size=rows))
    table = pa.Table.from_pylist(
        [dict(zip("nsf", row, strict=True)) | {"i": i} for i, row in enumerate(found)], schema=SCHEMA
    )
    return table, draw(st.lists(st.integers(0, len(found)), max_size=8))


@contextmanager
def narrow(on: bool) -> Iterator[None]:
    """Exchanges of several levels and partitions on a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        if on:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 100)
            patch.setattr(sort_step, "FAN_IN", 2)
            patch.setattr(join_step, "BROADCAST_BYTES", 0)
        yield


def run(name: str, params: dict[str, Any], table: pa.Table, cuts: list[int], small: bool) -> pa.Table:
    driver = Driver()
    with narrow(small):
        return driver.table(driver.run(name, params, data=driver.parts(table, cuts)))


def _same(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple("nan" if isinstance(v, float) and math.isnan(v) else repr(v) for v in row.values())


# -- dedup.exact --


@settings(max_examples=25, deadline=None)
@given(split_tables(), st.sampled_from([["n"], ["s"], ["f"], ["n", "s"], ["n", "s", "f"]]), st.booleans())
def test_dedup_keeps_the_first_of_each(data: tuple[pa.Table, list[int]], on: list[str], small: bool) -> None:
    table, cuts = data
    seen, kept = set(), []
    for i, row in enumerate(table.select(on).to_pylist()):
        if _same(row) not in seen:
            seen.add(_same(row))
            kept.append(i)
    assert run("dedup.exact", {"on": on}, table, cuts, small)["i"].to_pylist() == kept


def test_dedup_over_all_columns() -> None:
    table = pa.table({"a": [1, 1, 1, None, None], "b": [["x"], ["x"], [None], None, None]})
    assert run("dedup.exact", {}, table, [1, 3], False).num_rows == 3


def test_dedup_leaves_parts_without_duplicates_as_they_are() -> None:
    driver = Driver()
    parts = driver.parts(pa.table({"a": [1, 2, 3, 1, 5]}), [2, 3])
    found = driver.run("dedup.exact", {"on": ["a"]}, data=parts)
    assert found.parts[:2] == parts.parts[:2]
    assert driver.table(found)["a"].to_pylist() == [1, 2, 3, 5]


def test_a_part_put_before_others_renames_no_work_on_them() -> None:
    driver = Driver()
    parts = driver.parts(pa.table({"a": [1, 2, 1, 4, 4, 6]}), [2, 4])
    driver.run("dedup.exact", {"on": ["a"]}, data=parts)
    first = {s.name: set(t.cid for t in s.tasks) for s in driver.stages}
    driver.stages.clear()
    more = driver.parts(pa.table({"a": [7, 8]}))
    both = _with_parts(more.parts + parts.parts, parts)
    driver.run("dedup.exact", {"on": ["a"]}, data=both)
    second = {s.name: set(t.cid for t in s.tasks) for s in driver.stages}
    assert first["dedup.exact: keys"] < second["dedup.exact: keys"]
    assert first["dedup.exact: drop"] == second["dedup.exact: drop"]


def _with_parts(parts: Any, like: Any) -> Any:
    return type(like)(like.schema, tuple(parts))


# -- sort and shuffle --


def _reference(table: pa.Table, by: list[str], down: list[bool], nulls_first: bool) -> list[int]:
    order = list(range(table.num_rows))
    for name, descending in reversed(list(zip(by, down, strict=True))):
        column = table[name].to_pylist()

        def key(i: int, column: list[Any] = column) -> tuple[Any, ...]:
            value = column[i]
            if isinstance(value, float):
                return (1, 0.0) if math.isnan(value) else (0, value + 0.0)
            return (value.encode() if isinstance(value, str) else value,)

        some = [i for i in order if column[i] is not None]
        none = [i for i in order if column[i] is None]
        # Python's sort with reverse=True keeps equal rows in their order, as a stable sort must.
        some.sort(key=key, reverse=descending)
        order = none + some if nulls_first else some + none
    return order


@settings(max_examples=40, deadline=None)
@given(
    split_tables(),
    st.lists(
        st.tuples(st.sampled_from("nsf"), st.booleans()), min_size=1, max_size=3, unique_by=lambda t: t[0]
    ),
    st.booleans(),
    st.booleans(),
)
def test_sort_equals_one_stable_sort(
    data: tuple[pa.Table, list[int]], keys: list[tuple[str, bool]], first: bool, small: bool
) -> None:
    table, cuts = data
    by, down = [k for k, _ in keys], [d for _, d in keys]
    params = {"by": by, "descending": down, "nulls": "first" if first else "last"}
    assert run("sort", params, table, cuts, small)["i"].to_pylist() == _reference(table, by, down, first)


def test_sort_of_equal_keys_only() -> None:
    table = pa.table({"k": [1] * 50, "i": list(range(50))})
    assert run("sort", {"by": ["k"]}, table, [10, 20, 21], True)["i"].to_pylist() == list(range(50))


@pytest.mark.parametrize(
    "params", [{"by": ["a", "a"]}, {"by": ["a"], "descending": [True, False]}, {"by": ["l"]}, {"by": []}]
)
def test_sort_refuses(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        run("sort", params, pa.table({"a": [1], "l": [[1]]}), [], False)


def test_shuffle_is_golden() -> None:
    table = pa.table({"i": list(range(10))})
    assert run("shuffle", {"seed": 7}, table, [], False)["i"].to_pylist() == [4, 6, 3, 0, 7, 2, 8, 9, 5, 1]


def test_shuffle_places_are_splitmix64() -> None:
    shard = Driver().parts(pa.table({"i": [1]})).parts[0].cid
    mask = (1 << 64) - 1
    state = int.from_bytes(
        hashlib.sha256(b"codata/shuffle/1\x00" + (3).to_bytes(8, "little") + shard.binary).digest()[:8], "big"
    )
    wanted = []
    for _ in range(5):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        wanted.append(z ^ (z >> 31))
    assert places_of(3, shard, 5).tolist() == wanted


@settings(max_examples=15, deadline=None)
@given(split_tables(), st.integers(0, 3))
def test_shuffle_does_not_depend_on_the_exchange(data: tuple[pa.Table, list[int]], seed: int) -> None:
    table, cuts = data
    wide = run("shuffle", {"seed": seed}, table, cuts, False)
    assert logical_hash(wide) == logical_hash(run("shuffle", {"seed": seed}, table, cuts, True))
    assert sorted(wide["i"].to_pylist()) == list(range(table.num_rows))


def test_another_seed_is_another_order() -> None:
    table = pa.table({"i": list(range(100))})
    found = {tuple(run("shuffle", {"seed": s}, table, [30], False)["i"].to_pylist()) for s in range(4)}
    assert len(found) == 4


# -- join --

RIGHT = pa.schema([("key", pa.int64()), ("s", pa.large_string()), ("r", pa.int64())])


def _joined(left: pa.Table, right: pa.Table, how: str) -> list[dict[str, Any]]:
    out = []
    for row in left.to_pylist():
        found = [r for r in right.to_pylist() if row["n"] is not None and r["key"] == row["n"]]
        if how in ("semi", "anti"):
            out += [row] if bool(found) == (how == "semi") else []
            continue
        rest = [{"s_right": r["s"], "r": r["r"]} for r in found]
        if how == "left" and not rest:
            rest = [{"s_right": None, "r": None}]
        out += [row | r for r in rest]
    return out


@settings(max_examples=40, deadline=None)
@given(
    split_tables(15),
    st.lists(st.tuples(st.none() | st.integers(-2, 3), st.none() | st.sampled_from("ab")), max_size=10),
    st.lists(st.integers(0, 10), max_size=3),
    st.sampled_from(["inner", "left", "semi", "anti"]),
    st.booleans(),
)
def test_join_equals_the_nested_loop(
    data: tuple[pa.Table, list[int]], rows: list[tuple[Any, Any]], cuts: list[int], how: str, small: bool
) -> None:
    left, at = data
    right = pa.Table.from_pylist([{"key": k, "s": s, "r": i} for i, (k, s) in enumerate(rows)], schema=RIGHT)
    driver = Driver()
    with narrow(small):
        inputs = {
            "data": driver.parts(left, at),
            "with": driver.parts(right, [c for c in cuts if c <= len(rows)]),
        }
        made = driver.table(driver.run("join", {"on": {"n": "key"}, "how": how}, **inputs))
    assert [_same(r) for r in made.to_pylist()] == [_same(r) for r in _joined(left, right, how)]


@pytest.mark.parametrize("how", ["inner", "left", "semi", "anti"])
def test_join_with_a_side_that_has_no_parts(how: str) -> None:
    driver = Driver()
    left = driver.parts(pa.table({"n": [1, 2]}))
    nothing = type(left)(RIGHT, ())
    made = driver.table(driver.run("join", {"on": {"n": "key"}, "how": how}, data=left, **{"with": nothing}))
    assert made.num_rows == (2 if how in ("left", "anti") else 0)
    empty = type(left)(left.schema, ())
    right = driver.parts(RIGHT.empty_table())
    made = driver.table(driver.run("join", {"on": {"n": "key"}, "how": how}, data=empty, **{"with": right}))
    assert made.num_rows == 0


def test_join_names_both_types_that_differ() -> None:
    driver = Driver()
    left, right = driver.parts(pa.table({"k": [1]})), driver.parts(pa.table({"k": ["1"]}))
    with pytest.raises(ParameterError, match=r"'k' holds int64, 'k' on the right large_string"):
        driver.run("join", {"on": ["k"]}, data=left, **{"with": right})


def test_join_refuses_two_columns_of_one_name() -> None:
    driver = Driver()
    left = driver.parts(pa.table({"k": [1], "v": [1], "v_right": [1]}))
    right = driver.parts(pa.table({"k": [1], "v": [2]}))
    with pytest.raises(ParameterError, match="one name"):
        driver.run("join", {"on": ["k"]}, data=left, **{"with": right})


def test_join_refuses_to_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_ROWS", 99)
    driver = Driver()
    parts = driver.parts(pa.table({"k": [1] * 10}))
    with pytest.raises(TaskFailed, match="100 rows come of 10"):
        driver.run("join", {"on": ["k"]}, data=parts, **{"with": parts})


# -- all --


@pytest.mark.parametrize(
    ("name", "params"),
    [("dedup.exact", {"on": ["x"]}), ("sort", {"by": ["x"]}), ("tokens.pack", {"column": "x", "length": 2})],
)
def test_a_missing_column_is_named(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(MissingColumn, match="'x'"):
        run(name, params, pa.table({"a": [1]}), [], False)


@pytest.mark.parametrize(("name", "params"), [("dedup.exact", {}), ("sort", {"by": ["a"]}), ("shuffle", {})])
def test_no_parts_give_no_parts(name: str, params: dict[str, Any]) -> None:
    driver = Driver()
    like = driver.parts(pa.table({"a": [1]}))
    assert driver.run(name, params, data=type(like)(like.schema, ())).parts == ()


def test_results_are_golden() -> None:
    table = pa.table(
        {
            "k": pa.array([3, 1, None, 3, 2, 1], pa.int64()),
            "t": pa.array(["c", "a", None, "c", "b", "z"], pa.large_string()),
        }
    )
    found = {
        "dedup": logical_hash(run("dedup.exact", {"on": ["k"]}, table, [2], False)).hex(),
        "sort": logical_hash(run("sort", {"by": ["k"], "descending": True}, table, [2], False)).hex(),
    }
    assert found == {
        "dedup": "691beebddc8952622b59c5ab46a9db2c71382651ace3e85a6abd97da5467e0ad",
        "sort": "ccc8cc9af43dc6f3e9e172659b5c49e1fa10c7ddca28a7cacbe58e66e2ccdca3",
    }
