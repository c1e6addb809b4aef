"""stats: exact histograms that add up, and pictures of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from codata_jobs.stats_bins import SCHEMA, bounds, histogram, merged
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import MissingColumn, ParameterError
from codata.table import logical_hash
from tests.driving import Driver

TABLE = pa.table(
    {
        "text": pa.array(["añb c\nd\n", None, "", "x" * 40], pa.large_string()),
        "n": pa.array([-20, 3, None, 3], pa.int32()),
        "ok": pa.array([True, None, False, True]),
        "ids": pa.array([[1, 2], [], None, [3]], pa.large_list(pa.uint32())),
        "raw": pa.array([b"abc", None, b"", b"x"], pa.large_binary()),
        "f": pa.array([0.5, None, 1.0, 2.0]),
    }
)


def bins(table: pa.Table, column: str, measure: str) -> list[tuple[int, int, int, int]]:
    """low, high, count and total of each bin."""
    return [
        (r["low"], r["high"], r["count"], int(r["total"]))
        for r in table.to_pylist()
        if (r["column"], r["measure"]) == (column, measure)
    ]


def counted(table: pa.Table, cuts: tuple[int, ...] = (), **params: Any) -> pa.Table:
    driver = Driver()
    return driver.table(driver.run("stats", params, data=driver.parts(table, cuts)))


def test_measures() -> None:
    made = counted(TABLE)
    assert bins(made, "text", "null") == [(0, 0, 3, 0), (1, 1, 1, 1)]
    assert bins(made, "text", "characters") == [(0, 0, 1, 0), (8, 8, 1, 8), (40, 43, 1, 40)]
    assert bins(made, "text", "bytes") == [(0, 0, 1, 0), (9, 9, 1, 9), (40, 43, 1, 40)]
    assert bins(made, "text", "words") == [(0, 0, 1, 0), (1, 1, 1, 1), (3, 3, 1, 3)]
    assert bins(made, "text", "lines") == [(0, 0, 1, 0), (1, 1, 1, 1), (2, 2, 1, 2)]
    assert bins(made, "n", "value") == [(-21, -20, 1, -20), (3, 3, 2, 6)]
    assert bins(made, "ok", "value") == [(0, 0, 1, 0), (1, 1, 2, 2)]
    assert bins(made, "ids", "items") == [(0, 0, 1, 0), (1, 1, 1, 1), (2, 2, 1, 2)]
    assert bins(made, "raw", "bytes") == [(0, 0, 1, 0), (1, 1, 1, 1), (3, 3, 1, 3)]
    assert bins(made, "f", "null") == [(0, 0, 3, 0), (1, 1, 1, 1)]
    assert {r["measure"] for r in made.to_pylist() if r["column"] == "f"} == {"null"}
    assert list(dict.fromkeys(made["column"].to_pylist())) == TABLE.column_names


def test_columns() -> None:
    assert set(counted(TABLE, columns=["n", "ok"])["column"].to_pylist()) == {"n", "ok"}
    with pytest.raises(MissingColumn, match="'x'"):
        counted(TABLE, columns=["x"])
    with pytest.raises(ParameterError, match="twice"):
        counted(TABLE, columns=["n", "n"])


@pytest.mark.parametrize("cuts", [(1,), (2,), (1, 3), (0, 2, 2, 4)])
def test_parts_do_not_show(cuts: tuple[int, ...]) -> None:
    assert logical_hash(counted(TABLE, cuts)) == logical_hash(counted(TABLE))


def test_the_order_of_measures_does_not_come_from_parts() -> None:
    texts, raw = pa.array([None, "x y"], pa.large_string()), pa.array([b"", b"ab"], pa.large_binary())
    table = pa.table({"text": texts, "raw": raw})
    whole, parted = counted(table), counted(table, (1,))
    assert whole.select(["column", "measure"]) == parted.select(["column", "measure"])
    assert logical_hash(whole) == logical_hash(parted)


def test_more_parts_than_one_task_reads() -> None:
    table = pa.table({"n": np.arange(600)})
    driver = Driver()
    made = driver.table(driver.run("stats", {}, data=driver.parts(table, tuple(range(1, 600)))))
    assert [len(stage.tasks) for stage in driver.stages] == [600, 3, 1]
    assert logical_hash(made) == logical_hash(counted(table))


def test_no_rows() -> None:
    driver = Driver()
    parts = driver.parts(TABLE.slice(0, 0))
    assert counted(TABLE.slice(0, 0)).num_rows == 0
    empty = type(parts)(parts.schema, ())
    assert driver.table(driver.run("stats", {}, data=empty)).equals(SCHEMA.empty_table())


EDGES = [0, 1, 15, 16, 17, 18, 31, 32, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -1, -16, -17, -(2**63)]
WHOLE = st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 100)


@settings(max_examples=300, deadline=None)
@given(st.lists(WHOLE, min_size=1, max_size=50))
def test_bins_hold_their_values_and_tile(values: list[int]) -> None:
    low, high = bounds(np.array(values, np.int64))
    for value, a, b in zip(values, low.tolist(), high.tolist(), strict=True):
        assert a <= value <= b
        assert b - a <= min(abs(a), abs(b)) / 8 + 1
        assert a == b or abs(value) > 15
        for inside in {a, b, (a + b) // 2}:
            assert [x.tolist() for x in bounds(np.array([inside], np.int64))] == [[a], [b]]


@settings(max_examples=150, deadline=None)
@given(st.lists(WHOLE, max_size=60), st.integers(0, 60))
def test_histograms_add_up(values: list[int], cut: int) -> None:
    whole = histogram("c", "m", np.array(values, np.int64))
    parts = [histogram("c", "m", np.array(part, np.int64)) for part in (values[:cut], values[cut:])]
    assert merged(parts).equals(merged([whole])) and merged([whole]).equals(whole)
    assert sum(r["count"] for r in whole.to_pylist()) == len(values)
    assert sum((r["total"] for r in whole.to_pylist()), Decimal()) == sum(values)
