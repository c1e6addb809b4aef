"""A process in which tasks are performed, from its parent's side: started, asked, killed when it must be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.errors import OutOfResources, TaskFailed
from codata.provider.work.sandbox import Sandbox
from codata.provider.work.settings import Limits

MAX_TASKS: Final = 1000
"""Tasks after which a process is replaced: what a library may leak does not add up."""

_START_SECONDS: Final = 120
_MAX_ANSWER: Final = 1 << 18  # bytes of a line
_SHOWN: Final = 2000  # bytes of what a dead process said last


@dataclass(frozen=True, slots=True)
class Setup:
    """What every process of one provider is told: the store's URL, who signs, and threads for libraries."""

    store: str
    executor: str
    threads: int
    sandbox: Sandbox


class Died(CidStoreError):
    """A process that ended before it had answered. `said`: its last words, for the log."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a task: a receipt's CID, or an error as it is told."""

    receipt: CID | None = None
    error: dict[str, Any] | None = None


class Child:
    """One process; used by one thread, but for `kill`."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        self._done = 0
        self._why = ""
        self._lock = threading.Lock()

    def perform(self, task: CID, limits: Limits, wanted: Callable[[], bool] = lambda: True) -> Answer:
        """Have a task performed. A process that dies fails the task, and a new one is there for the next.

        `wanted` is asked once there is a process that `kill` would end: before that, a kill ends nothing.
        """
        try:
            self._ready()
            if not wanted():
                return Answer(error=_told(TaskFailed(f"task {task} is not wanted any more", cid=task)))
            asked = {
                "task": task,
                "memory": limits.memory,
                "seconds": limits.seconds,
                "file_bytes": limits.file_bytes,
            }
            said = self._ask(asked, limits.seconds, f"took more than {limits.seconds} seconds")
            answer = _read(said)
        except Died as e:
            self.stop()
            error = OutOfResources(f"task {task} {e.message}", cid=task, next_step=_NEXT)
            return Answer(error=_told(error))
        self._done += 1
        spoilt = answer.error is not None and answer.error["kind"] in ("OutOfResources", "TaskFailed")
        if spoilt or self._done >= MAX_TASKS:
            self.stop()
        return answer

    def rest(self) -> None:
        """Nothing is wanted for a while: let go of the store, so that garbage can be collected."""
        if self._process is not None:
            try:
                self._ask({"rest": True}, _START_SECONDS, "did not let go of the store")
            except Died:
                self.stop()

    def kill(self, why: str) -> None:
        """End the process, whatever it is doing; `why` completes "task … …". From any thread."""
        with self._lock:
            process = self._process
            if process is not None and process.poll() is None:
                self._why = why
                process.kill()

    def stop(self) -> None:
        """End the process and forget it."""
        self.kill("was stopped")
        with self._lock:
            process, self._process = self._process, None
            words, self._words = self._words, None
        if process is not None:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
        if words is not None:
            words.close()
        self._done = 0

    def _ready(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        words = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `stop`
        command = [*self._setup.sandbox.prefix, sys.executable, "-m", "codata.provider.work.child"]
        with self._lock:
            self._words, self._why = words, ""
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                env=self._environment(),
                cwd="/",
                start_new_session=True,
            )
        told = {key: getattr(self._setup, key) for key in ("store", "executor", "threads")}
        said = self._ask(told, _START_SECONDS, f"waited {_START_SECONDS} seconds for a process")
        if not said.get("ready"):
            raise self._died("met a process that did not start")

    def _environment(self) -> dict[str, str]:
        threads = str(self._setup.threads)
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "TZ") if key in os.environ}
        return kept | settings_of(threads) | {"LANG": "C.UTF-8", "HOME": "/tmp"}  # noqa: S108 - its own

    def _ask(self, value: dict[str, Any], seconds: float, late: str) -> dict[str, Any]:
        """Send a line, and wait for one; raises `Died`."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        clock = threading.Timer(seconds, self.kill, (late,))
        clock.daemon = True
        clock.start()
        try:
            process.stdin.write(json.dumps(value).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline(_MAX_ANSWER)
            said = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            said = None
        finally:
            clock.cancel()
        if not isinstance(said, dict):
            raise self._died("")
        return said

    def _died(self, what: str) -> Died:
        """Why there is no answer: what it was killed for, else what the system says."""
        process, words = self._process, self._words
        assert process is not None
        if process.poll() is None:
            process.kill()
        status = process.wait()
        said = b""
        if words is not None:
            words.seek(max(0, os.fstat(words.fileno()).st_size - _SHOWN))
            said = words.read(_SHOWN)
        return Died(self._why or what or _reason(status), said.decode("utf-8", "replace"))


_NEXT: Final = "ask for less at once, or ask a provider that allows more"


def settings_of(threads: str) -> dict[str, str]:
    """The settings of a process that libraries read, as they stand in its environment record."""
    return {"POLARS_MAX_THREADS": threads, "OMP_NUM_THREADS": threads}


def _reason(status: int) -> str:
    # Under bubblewrap a signal is told as 128 and its number.
    number = -status if status < 0 else status - 128
    if number == signal.SIGXCPU:
        return "used more CPU than its limits allow"
    if number in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):
        return f"ended its process by signal {number}, most likely for want of memory"
    return f"ended its process with status {status}"


def _read(said: dict[str, Any]) -> Answer:
    """An answer of the form that is expected; anything else is a failure of the task."""
    match said:
        case {"receipt": str(receipt)}:
            try:
                return Answer(CID(receipt))
            except CidStoreError:
                pass
        case {"error": {"kind": str(), "message": str(), "cid": str() | None, "next": str() | None} as error}:
            return Answer(error=error)
    return Answer(error=_told(TaskFailed("the process answered what can't be understood")))


def _told(error: CidStoreError) -> dict[str, Any]:
    return {
        "kind": error.kind,
        "message": error.message,
        "cid": error.cid and str(error.cid),
        "next": error.next_step,
    }


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what was not sent is not missed
