"""The exchange against what it means: every row reaches its partition, in order, through bounded files."""

from __future__ import annotations

from typing import Any

import codata_jobs  # noqa: F401  registers the operations
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.execute.context import StoreContext
from codata.plan import exchange as ex
from tests.driving import Driver

counts = st.integers(1, 2000)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several levels on little data."""
    monkeypatch.setattr(ex, "FAN_IN", 3)
    monkeypatch.setattr(ex, "BUCKETS", 4)


@given(partitions=st.integers(1, ex.MAX_PARTITIONS), files=st.integers(1, 2_000_000))
def test_layout_reaches_every_partition_within_bounds(partitions: int, files: int) -> None:
    layout = ex.Layout.of(partitions, files)
    assert np.prod(layout.buckets, dtype=object) >= partitions
    assert max(layout.buckets) <= ex.BUCKETS
    assert ex.FAN_IN ** len(layout.buckets) >= files
    assert len(layout.buckets) <= 3
    # The first split must not depend on the number of files, or a new part would rename all tasks.
    assert layout.split() == ex.Layout.of(partitions, 1).split()


@pytest.mark.parametrize(
    ("size", "count"),
    [(0, 1), (1, 1), (ex.PARTITION_BYTES, 1), (ex.PARTITION_BYTES + 1, 2), (1 << 60, ex.MAX_PARTITIONS)],
)
def test_partitions_follow_bytes(size: int, count: int) -> None:
    assert ex.partitions(size) == count


def test_spread_keeps_the_order_of_hashes_and_uses_every_partition() -> None:
    hashes = np.sort(np.random.default_rng(1).integers(0, 1 << 64, 10_000, dtype=np.uint64))
    numbers = ex.spread(hashes, 7)
    assert (np.diff(numbers.astype(np.int64)) >= 0).all()
    assert sorted(set(numbers.tolist())) == list(range(7))
    edges = np.array([0, (1 << 64) - 1], np.uint64)
    assert ex.spread(edges, ex.MAX_PARTITIONS).tolist() == [0, ex.MAX_PARTITIONS - 1]


def _scattered(driver: Driver, rows: pa.Table, numbers: Any, split: ex.Split) -> Any:
    return ex.scatter(StoreContext(driver.store), rows, numbers, split).cid


@pytest.mark.usefixtures("narrow")
@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(0, 10_000), max_size=12), min_size=1, max_size=30), st.integers(1, 40))
def test_rows_reach_their_partition_in_order_with_their_origin(files: list[list[int]], count: int) -> None:
    driver = Driver()
    layout = ex.Layout.of(count, len(files))
    cids = []
    for values in files:
        rows = pa.table(
            {
                ex.ORIGIN: pa.array([0] * len(values), pa.uint32()),
                "value": pa.array(values, pa.int64()),
            }
        )
        numbers = np.array([v % count for v in values], np.uint32)
        cids.append(_scattered(driver, rows, numbers, layout.split()))
    slices = driver.drive(ex.exchange(driver.planner, "test", cids, layout))
    assert len(slices) == count
    context = StoreContext(driver.store)
    for number, found in enumerate(slices):
        assert len(found.files) <= 3
        table = ex.gather(context, found.files, found.where)
        wanted = [(i, v) for i, values in enumerate(files) for v in values if v % count == number]
        got = list(zip(table[ex.ORIGIN].to_pylist(), table["value"].to_pylist(), strict=True))
        assert got == wanted
        assert set(table[ex.PARTITION].to_pylist()) <= {number}
    for stage in driver.stages:
        for task in stage.tasks:
            assert len(list(task.input_cids(driver.store, "files"))) <= 3


@pytest.mark.usefixtures("narrow")
def test_answers_come_back_to_their_part_in_row_order() -> None:
    driver = Driver()
    split = ex.Layout.of(10, 2).split()
    cids = []
    for start in (0, 1):
        rows = pa.table({ex.ROW: pa.array(range(19 + start, 0, -2), pa.uint64())})
        numbers = np.arange(rows.num_rows, dtype=np.uint32) % 10
        cids.append(_scattered(driver, rows, numbers, split))
    parts = driver.drive(ex.answers(driver.planner, "test", cids, 10))
    context = StoreContext(driver.store)
    found = [context.table(p.cid)[ex.ROW].to_pylist() for p in parts]
    assert found == [[19 - 2 * i, 20 - 2 * i] for i in range(10)]


def test_a_table_without_rows_makes_one_empty_batch_a_bucket() -> None:
    driver = Driver()
    rows = pa.table({"value": pa.array([], pa.large_string())})
    cid = _scattered(driver, rows, np.array([], np.uint32), ex.Split(buckets=3, stride=1))
    batches = [StoreContext(driver.store).batch(cid, i) for i in range(3)]
    assert [b.num_rows for b in batches] == [0, 0, 0]
    assert batches[0].schema.names == [ex.PARTITION, "value"]
