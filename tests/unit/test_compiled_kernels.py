"""Machine code that is kept on disk: never that of other sources."""

from __future__ import annotations

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="kernels need the extra `text`")

from codata_jobs.kernels import compiled

_CALLER = """
from codata_jobs.kernels.compiled import compiled
from kernel_called import CONSTANT, called

@compiled
def caller(x):
    return called(x) * CONSTANT
"""

_CALLED = """
from codata_jobs.kernels.compiled import {how}

CONSTANT = {constant}

@{how}
def called(x):
    return x + {more}
"""


@pytest.mark.parametrize("how", ["compiled", "inlined"])
def test_what_a_kernel_calls_in_another_file_may_change(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kernel_caller.py").write_text(_CALLER)

    def run(sources: str, constant: int, more: int) -> int:
        monkeypatch.setattr(compiled, "_SOURCES", sources)
        (tmp_path / "kernel_called.py").write_text(_CALLED.format(how=how, constant=constant, more=more))
        for name in ("kernel_caller", "kernel_called"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        invalidate_caches()
        found: int = import_module("kernel_caller").caller(1)
        return found

    assert run("a", 2, 3) == 8
    assert run("b", 10, 20) == 210
    assert run("a", 2, 3) == 8
    for name in ("kernel_caller", "kernel_called"):
        sys.modules.pop(name)
