"""A hundredth more documents cost about a hundredth: which stages do how much again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codata.execute.executors import Embedded
from codata.execute.progress import Quiet
from codata.execute.run import RunResult, run
from codata.home import Home
from codata.records.job import Job
from codata.records.manifest import Manifest
from tests.runs import add_file, job_of

ROWS, MORE = 1000, 10


def rows(count: int, start: int = 0) -> pa.Table:
    """Texts of some 200 bytes that are not alike; every tenth is one of seven."""

    def text(i: int) -> str:
        draw = random.Random(i % 7 if i % 10 == 9 else 1000 + i)
        return " ".join("".join(draw.choices("abcdefgh", k=3)) for _ in range(50))

    ids = range(start, start + count)
    return pa.table({"id": pa.array(ids, pa.int64()), "text": [text(i) for i in ids]})


class Counted(Quiet):
    """By stage: how many tasks ran, and how many did not need to."""

    def __init__(self) -> None:
        self.ran: dict[str, int] = {}
        self.spared: dict[str, int] = {}

    def stage(self, name: str, tasks: int, reused: int) -> None:
        """Count."""
        self.ran[name] = self.ran.get(name, 0) + tasks - reused
        self.spared[name] = self.spared.get(name, 0) + reused


def _run(home: Home, job: Job, dataset: Any) -> tuple[RunResult, Counted]:
    counted = Counted()
    with Embedded(1) as here:
        return run(home, job, {"data": dataset}, here, counted), counted


ROW_WISE = [
    {"text.normalize": {"column": "text", "strip": True}},
    {"text.length_filter": {"column": "text", "min": 4}},
]

FUZZY = {"dedup.minhash": {"column": "text", "words": "whitespace"}}


@pytest.mark.parametrize(
    ("dedup", "by_part"),
    [({"dedup.exact": {"on": ["text"]}}, "dedup.exact: keys"), (FUZZY, "dedup.minhash: signatures")],
)
def test_what_is_old_is_neither_filtered_nor_hashed_again(
    tmp_path: Path, small_shards: None, dedup: dict[str, Any], by_part: str
) -> None:
    if "minhash" in by_part:
        pytest.importorskip("numba", reason="the extra `text` is not installed")
    first, more = tmp_path / "first.parquet", tmp_path / "more.parquet"
    pq.write_table(rows(ROWS), first)
    pq.write_table(rows(MORE, start=ROWS), more)
    with Home(tmp_path / "home") as home:
        job = job_of(home, [*ROW_WISE, dedup])
        _run(home, job, add_file(home, first).dataset)
        grown = add_file(home, first, more).dataset
        after, counted = _run(home, job, grown)
        shards = Manifest.load(home.store, grown).count
        kept = Manifest.load(home.store, after.outputs["output"]).rows
    with Home(tmp_path / "new") as new:
        whole, _ = _run(new, job_of(new, [*ROW_WISE, dedup]), add_file(new, first, more).dataset)
    assert whole.outputs == after.outputs
    assert kept == (ROWS + MORE) * 9 // 10 + 7
    filters = "text.normalize + text.length_filter"
    assert shards > 20
    # The last shard has grown, and there may be one more behind it.
    assert 1 <= counted.ran[filters] <= 2
    assert counted.spared[filters] >= shards - 2
    assert 1 <= counted.ran[by_part] <= 2
    assert counted.spared[by_part] >= shards - 2
    assert sum(counted.spared.values()) == after.reused
