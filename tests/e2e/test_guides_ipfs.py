"""Runs the examples of the guides on IPFS, Filecoin and fsspec."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.console import run_page
from tests.kubo import kubo

_GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"


@pytest.mark.parametrize("name", ["filecoin", "fsspec"])
def test_examples(name: str, tmp_path: Path) -> None:
    assert run_page(_GUIDES / f"{name}.md", tmp_path) >= 3


def test_examples_with_kubo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, page = tmp_path / "node", tmp_path / "page"
    node.mkdir()
    page.mkdir()
    with kubo(node) as daemon:
        monkeypatch.setenv("KUBO", daemon.url)
        monkeypatch.setenv("IPFS_PATH", str(daemon.repo))
        monkeypatch.setenv("PATH", f"{Path(daemon.program).parent}{os.pathsep}{os.environ['PATH']}")
        assert run_page(_GUIDES / "ipfs.md", page) >= 10
