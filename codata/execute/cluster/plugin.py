"""Where the scheduler sends tasks: to who holds what they read, and elsewhere only once they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from distributed import Scheduler, SchedulerPlugin

ANNOTATION: Final = "codata_holders"
"""Of a task: the addresses of the workers that should run it."""


class Placement(SchedulerPlugin):
    """Heeds `ANNOTATION`.

    A restriction that is loose from the start would let idle workers steal what others hold; so it is
    loosened when the last of the workers that it names leaves.
    """

    name = "codata-placement"
    idempotent = True

    def update_graph(
        self, scheduler: Scheduler, *, annotations: Mapping[str, Mapping[Any, Any]], **_: Any
    ) -> None:
        """Restrict new tasks, before any is sent away."""
        for key, holders in annotations.get(ANNOTATION, {}).items():
            task = scheduler.tasks.get(key)
            there = {address for address in holders if address in scheduler.workers}
            if task is not None and there:
                task.worker_restrictions = there

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **_: Any) -> None:
        """Let tasks run anywhere whose workers are all gone."""
        stranded: dict[Any, Any] = {
            task.key: "processing"
            for task in scheduler.unrunnable
            if ANNOTATION in (task.annotations or {})
            and not (task.worker_restrictions or set()) & scheduler.workers.keys()
        }
        for key in stranded:
            scheduler.tasks[key].worker_restrictions = None
        if scheduler.workers:
            scheduler.transitions(stranded, stimulus_id)
