"""A text job that is killed goes on where it was, and gives what it gives when nobody kills it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import ended, killed_after, start
from tests.runs import make_run, text_rows

JOB = """codata: job/1
steps:
  - text.normalize: {column: text}
  - text.gopher_quality: {column: text, words: whitespace, min_doc_words: 3, min_stop_words: 0}
    checkpoint: true
  - dedup.minhash: {column: text, words: whitespace}
  - sort: {by: [id], descending: true}
"""

KILLED_AFTER = [2, 25]
"""Receipts: amid the filters, and amid the search for near-duplicates."""


def test_a_killed_text_job_gives_the_same_dataset(
    tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="the extra `text` is not installed")
    made = make_run(tmp_path / "home", text_rows(400))
    monkeypatch.undo()  # processes cut at the real sizes
    job, home, other = tmp_path / "job.yaml", tmp_path / "home", tmp_path / "other"
    job.write_text(JOB)
    ended(start(home, "car", "create", made.dataset, tmp_path / "data.car"))
    ended(start(other, "car", "import", tmp_path / "data.car"))
    for more in KILLED_AFTER:
        kept = killed_after(start(home, "run", job, made.dataset, "--workers", 1), home, more)
        assert kept >= more
    done = ended(start(home, "run", job, made.dataset, "--workers", 1))
    assert done["reused"] >= sum(KILLED_AFTER)
    assert done["executed"] == done["tasks"] - done["reused"] > 0
    whole = ended(start(other, "run", job, made.dataset, "--workers", 2))
    assert whole["reused"] == 0
    assert (whole["output"], whole["tasks"]) == (done["output"], done["tasks"])
