"""Published test data, kept beside the repository and never in it."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2] / "shared" / "fixtures"


def shared(relative: str) -> Path:
    """The path of published data; skips the test where the data is not at hand."""
    path = _ROOT / relative
    if not path.exists():
        pytest.skip(f"published data not at hand: {path}")
    return path
