"""A command that is told to stop: it says so, ends, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codata.plan.import_ops import RANGE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


def _of_session(leader: int) -> list[int]:
    """The processes of a session that still run, without its leader."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == leader and fields[0] != "Z" and int(path.parent.name) != leader:
            found.append(int(path.parent.name))
    return found


def _stopped(folder: Path, stop: Callable[[int], None]) -> tuple[int, str]:
    """Exit code and words of a command that was stopped while its workers started; nothing of it runs."""
    (folder / "rows.jsonl").write_bytes(b'{"a": 1, "b": "some text"}\n' * (3 * RANGE // 27))
    main = "from codata_cli.main import main; main()"
    command = [sys.executable, "-c", main, "add", "rows.jsonl", "--home", "home", "--workers", "2"]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as p:
        while len(_of_session(p.pid)) < 2:
            assert p.poll() is None, "it ended before it had worker processes"
            time.sleep(0.01)
        stop(p.pid)
        _, said = p.communicate(timeout=60)
        while _of_session(p.pid):  # they are told by then; the suite's time limit holds
            time.sleep(0.01)
        return p.returncode, said


@pytest.mark.parametrize(("end", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_told_to_stop_leaves_no_process(
    tmp_path: Path, end: signal.Signals, code: int
) -> None:
    returned, said = _stopped(tmp_path, lambda pid: os.kill(pid, end))
    assert returned == code
    assert said.startswith("stopped; ")


def test_ctrl_c_at_a_terminal_which_all_processes_get_is_said_once(tmp_path: Path) -> None:
    returned, said = _stopped(tmp_path, lambda pid: os.killpg(pid, signal.SIGINT))
    assert returned == 130
    assert said.startswith("stopped; ")
    assert len(said.splitlines()) == 1
