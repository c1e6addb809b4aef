"""What a process of our own leaves out, and that others in it are left what they need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTED = "pandas was imported"

HASTEN = "from codata.process import hasten; hasten()"

ROWS = "import pyarrow as pa; assert pa.array([1, None]).null_count == 1"

OURS = f"exec({ROWS!r}, {{'__name__': 'codata_jobs.some_step'}})"
"""The same in a module of ours."""


def said(*code: str, path: Path | None = None) -> str:
    """What a fresh Python prints that finds modules at `path` first."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*([str(path)] if path else []), *sys.path])}
    run = [sys.executable, "-W", "ignore", "-c", "\n".join(code)]
    return subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def pandas(tmp_path: Path) -> Path:
    """A folder with a pandas in it, too old for pyarrow, that says when it is imported."""
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text(f"__version__ = '1.0.0'\nprint({IMPORTED!r})\n")
    return tmp_path


def test_pyarrow_does_not_import_pandas_for_our_code(pandas: Path) -> None:
    assert IMPORTED in said(OURS, path=pandas)
    assert IMPORTED not in said(HASTEN, OURS, path=pandas)


def test_arrays_become_numpys_without_pandas(pandas: Path) -> None:
    code = "exec('import pyarrow as pa; print(pa.array([1, 2]).to_numpy().sum())', {'__name__': 'codata'})"
    assert said(HASTEN, code, path=pandas) == "3\n"


def test_other_code_has_its_pandas(pandas: Path) -> None:
    assert IMPORTED in said(HASTEN, ROWS, path=pandas)
    assert IMPORTED in said(HASTEN, OURS, "import pandas", path=pandas)


def test_where_others_offer_steps_nothing_is_left_out(pandas: Path) -> None:
    info = pandas / "other_steps-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-steps\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[codata.steps]\nother = other_steps\n")
    assert IMPORTED in said(HASTEN, OURS, path=pandas)


def test_what_is_left_at_the_end_is_not_searched_for_garbage() -> None:
    count = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()))"
    assert int(said(count)) == 0
    assert int(said(count, HASTEN)) > 0
