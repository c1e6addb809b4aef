"""The ready-made jobs, run by name on real texts that every machine has."""

from __future__ import annotations

import ast
import json
import sysconfig
from functools import cache
from pathlib import Path

import pytest

from codata.catalogue import ready_jobs
from tests.command import Commands

TEXTS = 150
"""Texts of a corpus: enough for every job to keep some and drop some."""

LIKE = ["c4-like", "clean-text", "dedup-only", "fineweb-like", "gopher-like"]
FILES = ["html-to-text", "source-code", "stack-like"]


@cache
def _texts() -> tuple[str, ...]:
    """The longest module docstrings of the standard library, and the first of them again."""
    found = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        found += [text] if text else []
    longest = sorted(found, key=len, reverse=True)[:TEXTS]
    return (*longest, *longest[:5], longest[0] * 2, "no prose at all " * 30)


@pytest.fixture(scope="module")
def codata(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A home with the datasets `texts` and `files`."""
    tmp_path = tmp_path_factory.mktemp("ready")
    for package in ("numba", "spacy", "resiliparse", "py3langid", "mistral_common"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    run = Commands(tmp_path / "home")
    lines = tmp_path / "texts.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in _texts()))
    assert run("add", lines, "--name", "texts", "--workers", 1).code == 0
    files = tmp_path / "files"
    files.mkdir()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-d]*.py")):
        (files / path.name).write_bytes(path.read_bytes())
    (files / "copy_again.py").write_bytes((files / "copy.py").read_bytes())
    (files / "a.html").write_text(f"<html><body><main><p>{_texts()[0]}</p></main></body></html>")
    (files / "b.html").write_text("<html><body></body></html>")
    assert run("add", files, "--format", "files", "--name", "files", "--workers", 1).code == 0
    return run


def test_the_list_says_what_each_does() -> None:
    found = {job["name"]: job["about"] for job in ready_jobs()}
    assert {*LIKE, *FILES, "tokenize-and-pack"} == set(found)
    assert all(len(about) > 60 for about in found.values())


@pytest.mark.parametrize("name", [*LIKE, *FILES])
def test_a_job_keeps_some_and_says_why_it_drops_others(codata: Commands, name: str) -> None:
    source = "files" if name in FILES else "texts"
    packs = name == "source-code"
    done = codata("run", name, source, "--name", "kept", "--keep-dropped", "--workers", 1)
    assert done.code == 0, done.out + done.err.encode()
    rows = {row["name"]: row["rows"] for row in codata("ls").value["names"]}
    assert rows["kept"] > 0
    assert rows["kept.dropped"] > 0
    if not packs:
        assert rows["kept"] + rows["kept.dropped"] == rows[source]
    lost = codata("head", "kept.dropped", "--rows", 1000).value["rows"]
    assert all(row["dropped_by"] and row["reason"] for row in lost)
    traced = codata("trace", "kept.dropped", 0).value
    assert traced["whole"]
    assert len(traced["sources"]) == 1


def test_texts_become_packed_tokens(codata: Commands) -> None:
    done = codata("run", "tokenize-and-pack", "texts", "--name", "packed", "--workers", 1)
    assert done.code == 0, done.out
    (row,) = codata("head", "packed", "--rows", 1).value["rows"]
    assert len(row["tokens"]) == 2048
    assert row["starts"][0] == 0
    assert all(row["tokens"][start - 1] == 2 for start in row["starts"][1:])
    found = codata("trace", "packed", 0).value["sources"]
    assert [file["number"] for file in found] == list(range(1, len(row["starts"]) + 1))
