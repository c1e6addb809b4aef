"""Jobs through the command line: trials, and what a job drops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Commands

JOB = """codata: job/1
steps:
  - text.normalize: {column: text, strip: true}
  - text.length_filter: {column: text, min: 5, max: 20}
  - filter: {where: "id > 2"}
"""


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    """A home with twelve rows of text, named `rows`."""
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps({"id": i, "text": "ab " * i}) + "\n" for i in range(12)))
    (tmp_path / "job.yaml").write_text(JOB)
    run = Commands(tmp_path / "home")
    assert run("add", source, "--name", "rows").code == 0
    return run


def test_what_is_dropped_is_a_dataset_with_reasons(codata: Commands, tmp_path: Path) -> None:
    done = codata("run", tmp_path / "job.yaml", "rows", "--keep-dropped", "--name", "clean")
    assert done.code == 0, done.err
    assert set(done.value["outputs"]) == {"output", "dropped"}
    assert codata("export", "clean.dropped", tmp_path / "dropped.jsonl").code == 0
    dropped = [json.loads(line) for line in (tmp_path / "dropped.jsonl").read_text().splitlines()]
    assert {(r["id"], r["dropped_by"], r["reason"]) for r in dropped} == {
        (0, "text.length_filter", "too short"),
        (1, "text.length_filter", "too short"),
        *((i, "text.length_filter", "too long") for i in range(8, 12)),
        (2, "filter", "where"),
    }
    assert codata("verify", done.value["run"], "--full").code == 0


def test_the_first_output_is_that_of_the_job_alone(codata: Commands, tmp_path: Path) -> None:
    plain = codata("run", tmp_path / "job.yaml", "rows").value
    kept = codata("run", tmp_path / "job.yaml", "rows", "--keep-dropped").value
    assert plain["output"] == kept["output"]
    assert plain["run"] != kept["run"]


def test_a_plan_knows_of_what_is_kept(codata: Commands, tmp_path: Path) -> None:
    planned = codata("plan", tmp_path / "job.yaml", "rows", "--keep-dropped")
    done = codata("run", tmp_path / "job.yaml", "rows", "--keep-dropped")
    again = codata("plan", tmp_path / "job.yaml", "rows", "--keep-dropped")
    assert planned.value["job"] == again.value["job"]
    assert again.value["complete"]
    assert sum(s["tasks"] for s in again.value["stages"]) == done.value["tasks"]


def test_a_job_that_drops_nothing_is_told_so(codata: Commands, tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text("codata: job/1\nsteps:\n  - text.normalize: {column: text}\n")
    done = codata("run", tmp_path / "plain.yaml", "rows", "--keep-dropped")
    assert (done.code, done.error) == (2, "UsageError")


ANNOTATED = """codata: job/1
steps:
  - dedup.exact: {on: [kind], annotate: why}
"""
WITHOUT_REASON = """  - filter: {where: "why IS NULL"}
  - select: {columns: {id: id, kind: kind}}
"""


def test_rows_without_a_reason_are_those_that_stay(tmp_path: Path) -> None:
    rows = [json.dumps({"id": i, "kind": i % 7}) + "\n" for i in range(40)]
    (tmp_path / "kinds.jsonl").write_text("".join(rows))
    jobs = {
        "plain": ANNOTATED.replace(", annotate: why", ""),
        "annotated": ANNOTATED,
        "chosen": ANNOTATED + WITHOUT_REASON,
    }
    found: dict[str, set[str]] = {name: set() for name in jobs}
    for workers in (1, 2):
        codata = Commands(tmp_path / f"home-{workers}")
        assert codata("add", tmp_path / "kinds.jsonl", "--name", "kinds").code == 0
        for name, text in jobs.items():
            (tmp_path / "job.yaml").write_text(text)
            done = codata("run", tmp_path / "job.yaml", "kinds", "--name", name, "--workers", workers)
            assert done.code == 0, done.err
            found[name].add(done.value["output"])
            assert codata("verify", done.value["run"], "--full").code == 0
    assert found["plain"] == found["chosen"]
    assert [len(outputs) for outputs in found.values()] == [1, 1, 1], "the same for any workers"
    assert codata("export", "annotated", tmp_path / "all.jsonl").value["rows"] == 40
    reasons = [json.loads(line)["why"] for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert reasons == [None] * 7 + ["duplicate"] * 33


def test_a_step_that_annotates_has_no_dropped_rows_to_keep(codata: Commands, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(ANNOTATED.replace("kind", "text"))
    done = codata("run", tmp_path / "job.yaml", "rows", "--keep-dropped", "--name", "all")
    assert done.code == 0, done.err
    assert codata("export", "all.dropped", tmp_path / "dropped.jsonl").value["rows"] == 0
