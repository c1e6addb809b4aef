"""The installed command as processes that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from codata.home import Home

BIN = Path(sys.executable).parent


def start(home: Path, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """The installed command, in a process group of its own."""
    return subprocess.Popen(
        [BIN / "codata", *map(str, arguments), "--home", str(home), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed; it must have ended well."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    value: dict[str, Any] = json.loads(out)
    return value


def killed_after(process: subprocess.Popen[str], home: Path, count: int) -> int:
    """Kill a running command with its workers once it has recorded `count` more receipts; returns how many it
    has."""
    before = receipts(home)
    deadline = time.monotonic() + 100
    while receipts(home) < before + count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return receipts(home) - before


def receipts(home: Path) -> int:
    """How many receipts a home has recorded."""
    with Home(home) as opened:
        (count,) = opened._db.execute("SELECT count(*) FROM receipts").fetchone()
    return int(count)
