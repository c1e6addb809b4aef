"""`/tasks`: submitting, asking, cancelling and releasing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cid_store.cid import CID
from codata.provider.errors import BadRequest
from codata.provider.work.changes import Changes
from codata.provider.work.gate import Asker, Gate
from codata.provider.work.received import json_body, task_cids
from codata.provider.work.states import FINAL, States, unknown
from codata.provider.work.submit import Submissions

MAX_TASKS: Final = 1000
"""Tasks of one request."""

MAX_WAIT: Final = 30.0
"""Seconds that an answer may be put off."""

_FRESH: Final = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Tasks:
    """What serves `/tasks`. `patience`: seconds that a client may send nothing of its body."""

    gate: Gate
    submissions: Submissions
    states: States
    changes: Changes
    patience: float

    async def submit(self, request: Request) -> Response:
        """Take tasks, each for itself."""
        asker = await self.gate.admit(request, has_body=True)
        asked = await json_body(request, asker, self.patience)
        tasks = task_cids(asked, MAX_TASKS)
        sources = asked.get("sources", [])
        if not isinstance(sources, list) or not all(isinstance(url, str) for url in sources):
            raise BadRequest("sources are a list of URLs")
        if unknown := set(asked) - {"tasks", "sources"}:
            raise BadRequest(f"the body has fields that are not known: {', '.join(sorted(unknown))[:200]}")
        told = await to_thread.run_sync(self.submissions.submit, asker, tasks, sources)
        return JSONResponse({"tasks": told}, 202, _FRESH)

    async def get(self, request: Request) -> Response:
        """The state of a task; with `?wait=SECONDS`, once it is final or the time is over."""
        asker = await self.gate.admit(request)
        task, wait = _task(request), _wait(request)
        if wait:
            self.changes.check(asker.did)
        with self.changes.watching(asker.did, [task]) as watcher:
            end = time.monotonic() + wait
            while True:
                told = await to_thread.run_sync(self._told, asker, task)
                left = end - time.monotonic()
                if told["state"] in FINAL or left <= 0 or self.changes.over:
                    return JSONResponse(told, headers=_FRESH)
                await watcher.wait(left)

    async def remove(self, request: Request) -> Response:
        """Cancel a task that is not final; let go of the results of one that is."""
        asker = await self.gate.admit(request)
        task = _task(request)
        told = await to_thread.run_sync(self.submissions.leave, asker.did, task)
        return JSONResponse(told, headers=_FRESH)

    def _told(self, asker: Asker, task: CID) -> dict[str, Any]:
        told = self.states.of(asker.did, [task]).get(task)
        if told is None:
            raise unknown(task)
        return told


def _task(request: Request) -> CID:
    return CID(request.path_params["cid"])


def _wait(request: Request) -> float:
    text = request.query_params.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_WAIT:
        raise BadRequest(f"wait={text[:40]!r} is not 0 to {MAX_WAIT:g} seconds")
    return seconds
