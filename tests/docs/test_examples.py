"""The examples of the README and the guides do what the pages show."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.console import run_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/guides/jobs.md", "docs/guides/verify.md"])
def test_a_page_does_what_it_shows(page: str, tmp_path: Path) -> None:
    assert run_page(ROOT / page, tmp_path) > 0


def test_the_guide_from_html_to_tokens_does_what_it_shows(tmp_path: Path) -> None:
    """On the pages that the guide names, fetched as it says."""
    fetch = ["apt-get", "download", "--print-uris", "debian-handbook"]
    found = shutil.which("dpkg-deb") and shutil.which("apt-get")
    if not found or "debian-handbook" not in subprocess.run(fetch, capture_output=True, text=True).stdout:
        pytest.skip("there is no apt-get here that has the package debian-handbook")
    assert run_page(ROOT / "docs/guides/html-to-tokens.md", tmp_path) > 0
