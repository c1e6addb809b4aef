"""Pages to clean text by the command line: what is dropped and why, the same for any workers, verified."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import Commands

pytest.importorskip("numba", reason="the extra `text` is not installed")
pytest.importorskip("resiliparse", reason="the extra `text` is not installed")
pytest.importorskip("py3langid", reason="the extra `text` is not installed")

ENGLISH = "Everyone has the right to freedom of thought, conscience and religion, in public or private."
FRENCH = "Toute personne a droit à la liberté de pensée, de conscience et de religion, en public ou en privé."

JOB = """
codata: job/1
steps:
  - text.extract: {column: page, output: text}
  - text.language: {column: text}
  - text.lines: {column: text, min_words: 3, drop: [policy]}
  - text.badwords: {column: text, words: ./words.txt}
  - text.pii: {column: text}
"""

PAGES = {
    "kept": f"<p>{ENGLISH}</p><p>We use cookies here.</p><p>Write to me@example.net or to 9.9.9.9 now.</p>",
    "french": f"<p>{FRENCH}</p>",
    "bad": f"<p>{ENGLISH}</p><p>What a darned thing to say here.</p>",
    "costly": "<div>" * 9000 + ENGLISH,
    "short": "<p>The way<p>To go<p>Is this<p>And that",
}


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    rows = [(f"{name}-{i}", page) for i in range(40) for name, page in PAGES.items()]
    table = pa.table({"id": [r[0] for r in rows], "page": [r[1].encode("cp1252") for r in rows]})
    pq.write_table(table, tmp_path / "pages.parquet")
    (tmp_path / "words.txt").write_text("darned\n")
    (tmp_path / "job.yaml").write_text(JOB)
    run = Commands(tmp_path / "home")
    assert run("add", tmp_path / "pages.parquet", "--name", "pages").code == 0
    return run


def test_pages_to_clean_text(codata: Commands, tmp_path: Path) -> None:
    done = codata("run", tmp_path / "job.yaml", "pages", "--keep-dropped", "--name", "clean", "--workers", 2)
    assert done.code == 0, done.out
    shown = codata("stats", "clean.dropped").value["dropped"]
    assert {(d["step"], d["reason"], d["rows"]) for d in shown} == {
        ("text.language", "language", 40),
        ("text.language", "null", 40),
        ("text.lines", "too few lines", 40),
        ("text.badwords", "document_removed_with_badwords", 40),
    }
    assert codata("export", "clean", tmp_path / "clean.jsonl").value["rows"] == 40
    row = json.loads((tmp_path / "clean.jsonl").read_text().splitlines()[0])
    assert (row["id"], row["language"]) == ("kept-0", "en")
    assert row["text"].splitlines()[0] == ENGLISH
    assert (
        "cookies" not in row["text"] and "me@example.net" not in row["text"] and "9.9.9.9" not in row["text"]
    )
    verified = codata("verify", done.value["run"], "--full")
    assert (verified.code, verified.value["verdict"]) == (0, "verified")


def test_any_number_of_workers(codata: Commands, tmp_path: Path) -> None:
    made = codata("run", tmp_path / "job.yaml", "pages", "--workers", 1).value["output"]
    other = Commands(tmp_path / "other")
    assert other("add", tmp_path / "pages.parquet", "--name", "pages").code == 0
    assert other("run", tmp_path / "job.yaml", "pages", "--workers", 2).value["output"] == made
