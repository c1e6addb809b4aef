"""POST `/tasks/events`: the states of many tasks as they change, as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cid_store.cid import CID
from codata.provider.work.changes import Changes
from codata.provider.work.gate import Asker, Gate
from codata.provider.work.received import json_body, task_cids
from codata.provider.work.states import FINAL, States, refused, unknown

MAX_TASKS: Final = 10_000
"""Tasks that one stream follows."""

BEAT: Final = 10.0
"""Seconds after which a line is sent though nothing has changed."""


@dataclass(frozen=True, slots=True)
class Events:
    """What serves `/tasks/events`. `patience`: seconds that a client may send nothing of its body."""

    gate: Gate
    states: States
    changes: Changes
    patience: float

    async def answer(self, request: Request) -> Response:
        """A stream from the present states on, until all are final."""
        asker = await self.gate.admit(request, has_body=True)
        tasks = task_cids(await json_body(request, asker, self.patience), MAX_TASKS)
        self.changes.check(asker.did)
        return StreamingResponse(
            self._stream(asker, tasks),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _stream(self, asker: Asker, tasks: list[CID]) -> AsyncIterator[bytes]:
        with self.changes.watching(asker.did, tasks) as watcher:
            open_, changed, told = set(tasks), tasks, dict[CID, Any]()
            while True:
                now = await to_thread.run_sync(self.states.of, asker.did, changed)
                for task in changed:
                    state = now.get(task) or refused(task, unknown(task))
                    far = (state["state"], state.get("fetched"))
                    if told.get(task) != far:
                        yield f"event: state\ndata: {json.dumps(state)}\n\n".encode()
                    told[task] = far
                    if state["state"] in FINAL:
                        open_.discard(task)
                if not open_ or self.changes.over:
                    return
                changed = [task for task in await watcher.wait(BEAT) if task in open_]
                if not changed:
                    yield b": still here\n\n"
