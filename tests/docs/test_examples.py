"""The examples of the README and the guides do what the pages show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console import run_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/guides/jobs.md", "docs/guides/verify.md"])
def test_a_page_does_what_it_shows(page: str, tmp_path: Path) -> None:
    assert run_page(ROOT / page, tmp_path) > 0
