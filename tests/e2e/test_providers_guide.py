"""The guide to running jobs on other people's machines, word for word."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.console import run_page
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


def test_the_guide(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "guides" / "run-on-providers.md").read_text(encoding="utf-8")
    for port in ("8081", "8082"):
        text = text.replace(port, str(free_port()))
    page = tmp_path / "run-on-providers.md"
    page.write_text(text, encoding="utf-8")
    try:
        assert run_page(page, tmp_path) >= 20
    finally:
        for name in ("one.pid", "two.pid"):
            if (tmp_path / name).exists():
                with suppress(ProcessLookupError):
                    os.kill(int((tmp_path / name).read_text()), signal.SIGKILL)
