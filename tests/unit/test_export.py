"""Out to files: what comes back is the same dataset, and what can't be held is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Commands


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


def _added(codata: Commands, path: Path) -> str:
    dataset: str = codata("add", path, "--workers", 1).value["dataset"]
    return dataset


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl", "csv"])
def test_an_export_is_the_same_dataset(codata: Commands, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "rows.jsonl"
    rows = [{"n": 1, "t": 'a "b"\n,c'}, {"n": None, "t": ""}, {"n": 3, "t": None}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset, path = _added(codata, source), tmp_path / f"out.{suffix}"
    assert codata("export", dataset, path).value["rows"] == 3
    assert _added(codata, path) == dataset


def test_csv_refuses_the_null_of_an_only_column(codata: Commands, tmp_path: Path) -> None:
    source, path = tmp_path / "rows.jsonl", tmp_path / "out.csv"
    source.write_text('{"a":1}\n{"a":null}\n')
    done = codata("export", _added(codata, source), path)
    assert (done.code, done.error) == (2, "UsageError")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "rows.jsonl"]


def test_jsonl_refuses_dates_that_python_lacks(codata: Commands, tmp_path: Path) -> None:
    source, path = tmp_path / "far.parquet", tmp_path / "out.jsonl"
    pq.write_table(pa.table({"t": pa.array([2**61], pa.timestamp("us"))}), source)
    dataset = _added(codata, source)
    for done in (codata("export", dataset, path), codata("head", dataset)):
        assert (done.code, done.error) == (2, "UsageError")
    assert not path.exists()


@pytest.mark.parametrize("name", ["../x", "a b", "n" * 125, "-"])
def test_a_name_that_cannot_be_is_refused_before_the_work(
    codata: Commands, tmp_path: Path, name: str
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"a":1}\n')
    for done in (codata("add", source, f"--name={name}"), codata("run", "none", "none", f"--name={name}")):
        assert (done.code, done.error) == (2, "UsageError")
    assert codata("ls").value == {"names": [], "runs": []}


def test_the_version_is_one_json_object_too(codata: Commands) -> None:
    assert set(codata("version", home=False).value) == {"version"}
