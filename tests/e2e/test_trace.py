"""`codata trace`: a row back to the line of a file, as it is told."""

from __future__ import annotations

from pathlib import Path

from tests.command import Commands


def test_a_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "pages.csv").write_text("id,text\n1, One \n2,two\n3,\n")
    codata = Commands(tmp_path / "home")
    dataset = codata("add", tmp_path / "pages.csv", "--name", "pages").value["dataset"]
    (tmp_path / "job.yaml").write_text(
        "codata: job/1\nsteps:\n"
        "  - filter: {where: text IS NOT NULL}\n"
        "  - text.normalize: {column: text, strip: true}\n"
        "  - select: {columns: {text: text, size: LENGTH(text)}}\n"
        "  - sort: {by: [text], descending: true}\n"
    )
    run = codata("run", tmp_path / "job.yaml", "pages", "--name", "sorted", "--keep-dropped").value
    told = codata("trace", "sorted", 1, json=False)
    assert told.code == 0
    lines = [line.split(" (file ")[0] for line in told.out.decode().splitlines()]
    assert lines == [
        f"row 1 of dataset {run['output']} (shard 0, its row 1)",
        f"  run {run['run']}: filter → text.normalize → select → sort",
        "  sort            moved",
        "  select          added size, left out id",
        "  text.normalize  changed text",
        "  filter          kept",
        f"row 0 of dataset {dataset} (shard 0, its row 0)",
        lines[7],
        "  import.csv  read",
        "file pages.csv, line 2",
    ]
    found = codata("trace", "sorted", 1).value
    assert found["sources"][0] | {"cid": ""} == {
        "cid": "",
        "paths": ["pages.csv"],
        "unit": "line",
        "number": 2,
    }
    assert found["hops"][0]["made_by"]["steps"] == [{"step": "sort", "did": "moved"}]
    lost = codata("trace", "sorted.dropped", 0, json=False).out.decode()
    assert "filter          dropped: where" in lost
    assert "pages.csv, line 4" in lost
