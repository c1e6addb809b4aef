"""The states of tasks, as those who want them are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cid_store.cid import CID
from codata.provider.errors import to_value
from codata.provider.work.errors import UnknownTask
from codata.provider.work.queue import Entry, Queue
from codata.provider.work.runner import Runner

FINAL: Final = ("done", "failed", "cancelled", "refused")
"""States that do not change by themselves."""


@dataclass(frozen=True, slots=True)
class States:
    """What is written down, and what is going on."""

    queue: Queue
    runner: Runner

    def of(self, did: str, tasks: Sequence[CID]) -> dict[CID, dict[str, Any]]:
        """What `did` is told of those of these tasks that it wants."""
        return {task: self.told(entry) for task, entry in self.queue.of(did, tasks).items()}

    def told(self, entry: Entry) -> dict[str, Any]:
        """What is told of one task."""
        state: str = entry.state
        if state == "queued":
            state = self.runner.phase(entry.task) or "queued"
        far = {"fetched": self.runner.fetched(entry.task)} if state == "fetching" else {}
        return {"task": entry.task, "state": state, **far, **entry.answer}


def unknown(task: CID) -> UnknownTask:
    """The error for a task that the asker has not submitted."""
    return UnknownTask(f"task {task} is not known here", cid=task)


def refused(task: CID, error: Any) -> dict[str, Any]:
    """What is told of a task that is not taken: a state that nobody has to remember."""
    return {"task": task, "state": "refused", **to_value(error)}
