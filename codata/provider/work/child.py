"""The process in which tasks are performed: `python -m codata.provider.work.child`.

It is told on its standard input, and answers on its standard output, an object of JSON a line: first `Setup`,
then tasks, each with its limits. It ends when its input does. Nothing but the store is shared with its
parent, which believes nothing that it says before it has looked.
"""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from typing import Any, Final, TextIO

NOFILE: Final = 1024
"""Files that a task may have open."""

_LOOK_SECONDS: Final = 1.0

_SLACK: Final = 60  # seconds of CPU beyond the wall time of all threads: the parent's clock comes first


def main() -> None:
    """Answer until there is nothing more to read."""
    requests, answers = _take_streams()
    setup = json.loads(requests.readline())
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, NOFILE)
    # Imported under limits, and before the first task: what this takes is no task's cost.
    from codata import ops
    from codata.execute.perform import environment
    from codata.execute.worker import release, work

    ops.load()
    environment()
    _say(answers, {"ready": True})
    for line in requests:
        asked = json.loads(line)
        if "task" not in asked:
            release()  # nothing is wanted for a while: let go of the store
            _say(answers, {"released": True})
            continue
        _limit(asked, setup["threads"])
        outcome = work(setup["store"], asked["task"], setup["executor"])
        if outcome.receipt is not None:
            _say(answers, {"receipt": outcome.receipt})
        else:
            _say(answers, {"error": _told(outcome.error)})
    release()


def _take_streams() -> tuple[TextIO, TextIO]:
    """The two streams, out of reach of whatever else a library may print or read."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, answers


def _end_with(parent: int) -> None:
    """End when the parent is gone, however it went: during a task nothing is read that would tell."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _say(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _limit(asked: dict[str, Any], threads: int) -> None:
    """The limits of one task. Memory counts what can be written to: maps of shards do not count."""
    _set(resource.RLIMIT_DATA, asked["memory"])
    _set(resource.RLIMIT_FSIZE, asked["file_bytes"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    _set(resource.RLIMIT_CPU, spent + asked["seconds"] * threads + _SLACK)


def _set(what: int, soft: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _told(error: Any) -> dict[str, Any]:
    if error is None:
        return {"kind": "TaskFailed", "message": "no reason was given", "cid": None, "next": None}
    return {
        "kind": error.kind,
        "message": error.message,
        "cid": error.cid and str(error.cid),
        "next": error.next_step or None,
    }


if __name__ == "__main__":
    main()
