"""What tests of runs share: small shards, and a home with a run in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codata.table import cutter
from tests.runs import Made, make_run


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of some 8 KB in place of 16 MiB, in this process: few rows give many tasks."""
    sizes = {"LEAST": 2_000, "NORMAL": 8_000, "GREATEST": 24_000, "STRICT": 12_000, "RELAXED": 2_000}
    for name, size in sizes.items():
        monkeypatch.setattr(cutter, name, size)


@pytest.fixture
def made(tmp_path: Path, small_shards: None) -> Made:
    """A home with a dataset of several shards and a run over it."""
    return make_run(tmp_path / "home")
