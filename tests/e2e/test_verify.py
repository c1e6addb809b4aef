"""Add, run, verify, carry and forget by the command line: the JSON keys and exit codes that are promised."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from cid_store.car import open_car, write_car
from cid_store.cid import CID
from codata import ops
from codata.home import Home
from codata.records.manifest import Manifest
from codata.records.run import Run
from tests.command import Commands
from tests.runs import drop_a_row, lying, text_rows

JOB = """\
codata: job/1
steps:
  - text.normalize: {column: text, unicode: NFC, strip: true}
  - text.length_filter: {column: text, min: 100}
"""


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    pq.write_table(text_rows(), tmp_path / "rows.parquet")
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def test_the_whole_way(codata: Commands, files: Path, small_shards: None) -> None:
    added = codata("add", files / "rows.parquet", "--name", "rows").value
    assert set(added) == {"dataset", "rows", "shards", "bytes", "new_bytes", "run"}
    assert added["rows"] == 240
    assert added["shards"] > 4
    plan = codata("plan", files / "job.yaml", "rows").value
    assert plan["stages"][0]["tasks"] == added["shards"]
    assert [stage["name"] for stage in plan["stages"][1:]] == ["seal: choose cuts", "seal: write shards"]
    done = codata("run", files / "job.yaml", "rows", "--name", "clean", "--workers", "1")
    assert done.code == 0
    promised = {"run", "output", "outputs", "tasks", "executed", "reused", "bytes_moved", "seconds"}
    assert promised <= set(done.value)
    assert done.value["tasks"] <= sum(stage["most"] for stage in plan["stages"])
    found = codata("verify", "clean", "--full", "--workers", "1")
    assert found.code == 0
    assert {"verdict", "tasks", "checked", "attestation", "detects"} <= set(found.value)
    assert found.value["verdict"] == "verified"
    assert found.value["checked"] == found.value["tasks"] == done.value["tasks"]
    lineage = codata("lineage", "clean").value["runs"]
    assert [run["steps"] for run in lineage] == [["text.normalize", "text.length_filter"], ["import.parquet"]]
    assert lineage[0]["verified"] == [
        f"verified: {found.value['tasks']} of {found.value['tasks']} tasks run again "
        f"by {codata('key', 'show').value['did']}"
    ]
    shown = codata("show", done.value["run"]).value
    assert shown["covered"] == found.value["tasks"]
    head = codata("head", "clean", "--rows", "2").value["rows"]
    assert [row["id"] for row in head] == [0, 1]


def test_default_and_partial_checks(codata: Commands, files: Path, small_shards: None) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    run = codata("run", files / "job.yaml", "rows", "--workers", "1").value["run"]
    assert codata("verify", run, "--detect", "5%", "--confidence", "99%", "--workers", "1").code == 0
    sampled = codata("verify", run, "--sample", "2", "--workers", "1")
    assert (sampled.code, sampled.value["checked"]) == (0, 2)
    assert codata("verify", run, "--sample", "2", "--full").code == 2
    assert codata("verify", run, "--detect", "200%").error == "UsageError"


def test_a_lie_has_exit_code_3_and_names_the_rows(codata: Commands, files: Path, small_shards: None) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    with lying("rows", drop_a_row):
        run = codata("run", files / "job.yaml", "rows", "--workers", "1").value["run"]
    found = codata("verify", run, "--full", "--workers", "1")
    assert (found.code, found.value["verdict"]) == (3, "different")
    assert "row 1 is" in found.value["wrong"][0]["evidence"]


def test_an_engine_that_is_not_here_has_exit_code_5(
    codata: Commands, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    run = codata("run", files / "job.yaml", "rows", "--workers", "1").value["run"]
    real = ops.engine_version
    monkeypatch.setattr(ops, "engine_version", lambda name: "0.1" if name == "pyarrow" else real(name))
    found = codata("verify", run, "--full", "--workers", "1")
    assert (found.code, found.value["verdict"], found.value["checked"]) == (5, "incomplete", 0)


def test_a_run_travels_alone_and_verifies(codata: Commands, files: Path, small_shards: None) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    done = codata("run", files / "job.yaml", "rows", "--workers", "1").value
    car = files / "run.car"
    assert codata("car", "create", done["run"], car).code == 0
    whole_car = codata("car", "verify", car, home=False)
    assert (whole_car.code, whole_car.value["missing"]) == (0, [])  # tables between stages are not promised
    other = Commands(files / "other")
    assert other("car", "import", car).value["root"] == done["run"]
    assert other("verify", done["run"], "--full", "--workers", "1").code == 0
    assert other("verify", done["output"], "--workers", "1").code == 0  # found by what it gave

    with Home(files / "home") as home:
        output = Run.load(home.store, CID(done["run"])).outputs["output"]
        shard = next(Manifest.load(home.store, output).refs(home.store)).cid
    short = files / "short.car"
    with open_car(car) as whole, short.open("wb") as f:
        write_car(f, whole.roots, (block for block in whole.blocks() if block.cid != shard))
    short_car = codata("car", "verify", short, home=False)
    assert (short_car.code, short_car.value["missing"]) == (4, [shard])
    third = Commands(files / "third")
    assert third("car", "import", short).code == 0
    missing = third("verify", done["run"], "--full", "--workers", "1")
    assert (missing.code, missing.error) == (4, "BlockNotFound")
    assert missing.value["error"]["cid"] == shard


def test_a_malformed_file_is_named_and_leaves_the_home_as_it_was(codata: Commands, files: Path) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    before = [codata(*words).value for words in (["ls"], ["pins"])]
    (files / "bad.jsonl").write_text('{"a": 1}\n{"a": 2}\n{"a": \n')
    failed = codata("add", files / "bad.jsonl", "--name", "bad")
    assert failed.code == 4
    assert "bad.jsonl:3: " in failed.value["error"]["message"]
    assert [codata(*words).value for words in (["ls"], ["pins"])] == before
    assert codata("gc").value["blocks"] > 0


def test_formats_and_runs_that_give_the_same_rows_give_the_same_dataset(
    codata: Commands, files: Path
) -> None:
    table = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]})
    pq.write_table(table, files / "t.parquet")
    pyarrow.feather.write_feather(table, files / "t.arrow", compression="uncompressed")
    pyarrow.csv.write_csv(table, files / "t.csv")
    (files / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    added = {
        suffix: codata("add", files / f"t.{suffix}").value for suffix in ("parquet", "arrow", "csv", "jsonl")
    }
    assert len({a["dataset"] for a in added.values()}) == 1
    (files / "same.yaml").write_text("codata: job/1\nsteps:\n  - filter: {where: id > 0}\n")
    done = codata("run", files / "same.yaml", added["csv"]["dataset"], "--workers", "1").value
    assert done["output"] == added["csv"]["dataset"]


def test_the_order_in_which_files_are_given_does_not_show(codata: Commands, files: Path) -> None:
    folder = files / "parts"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jsonl").write_text(f'{{"id": {i}}}\n')
    paths = [folder / f"{i}.jsonl" for i in range(3)]
    given = {codata("add", *order).value["dataset"] for order in (paths, paths[::-1])}
    assert given == {codata("add", folder).value["dataset"]}


@pytest.mark.parametrize(
    ("steps", "kind", "code", "says"),
    [
        ("- txt.normalize: {column: text}", "UnknownStep", 5, "text.normalize"),
        ("- text.normalize: {colum: text}", "ParameterError", 2, "colum"),
        ("- text.normalize: {column: txt}", "MissingColumn", 2, "txt"),
        (
            "- text.normalize: {column: text}\n    as: a\n  - text.normalize: {column: text}\n    as: a",
            "JobError",
            2,
            "as",
        ),
        (
            "- text.normalize: {column: text}\n  - filter: {where: id > 1}\n    from: data",
            "JobError",
            2,
            "nothing uses",
        ),
        ("- text.normalize: {column: text, column: id}", "JobError", 2, "comes twice"),
        ("- &a text.normalize: {column: text}\n  - *a", "JobError", 2, "aliases"),
        ("- " + "[" * 2000, "JobError", 2, "nested"),
    ],
)
def test_wrong_jobs_say_what_is_wrong(
    codata: Commands, files: Path, steps: str, kind: str, code: int, says: str
) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    (files / "wrong.yaml").write_text(f"codata: job/1\nsteps:\n  {steps}\n")
    failed = codata("run", files / "wrong.yaml", "rows")
    assert (failed.code, failed.error) == (code, kind)
    error = failed.value["error"]
    assert says in error["message"] + (error["next"] or "")


def test_a_limit_is_a_trial_on_the_first_rows(codata: Commands, files: Path, small_shards: None) -> None:
    codata("add", files / "rows.parquet", "--name", "rows")
    (files / "all.yaml").write_text("codata: job/1\nsteps:\n  - filter: {where: id >= 0}\n")
    done = codata("run", files / "all.yaml", "rows", "--limit", "101", "--workers", "1", "--name", "trial")
    rows = codata("head", "trial", "--rows", "1000").value["rows"]
    assert [row["id"] for row in rows] == list(range(101))
    assert codata("verify", done.value["run"], "--full", "--workers", "1").code == 0


def test_a_key_moves_with_its_trust(codata: Commands, files: Path) -> None:
    did = codata("key", "show").value["did"]
    assert codata("key", "export", files / "key.pem", "--password", "secret").code == 0
    assert (files / "key.pem").stat().st_mode & 0o077 == 0
    other = Commands(files / "other")
    assert other("key", "import", files / "key.pem", "--password", "wrong").code == 1
    assert other("key", "import", files / "key.pem", "--password", "secret").value["did"] == did
    assert other("key", "show").value["did"] == did
    assert other("trust", "did:key:zNonsense").code == 2
