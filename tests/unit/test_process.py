"""What a process of our own leaves out."""

from __future__ import annotations

import subprocess
import sys

HASTEN = "from codata.process import hasten; hasten()"


def said(*code: str) -> str:
    """What a fresh Python prints."""
    return subprocess.run(
        [sys.executable, "-c", "\n".join(code)], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_what_is_left_at_the_end_is_not_searched_for_garbage() -> None:
    count = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()))"
    assert int(said(count)) == 0
    assert int(said(count, HASTEN)) > 0


def test_garbage_is_looked_for_all_the_same() -> None:
    cycles = "import gc\nfor _ in range(400_000): loop = []; loop.append(loop)\nprint(gc.get_count()[0])"
    assert int(said(HASTEN, cycles)) <= 100_000
