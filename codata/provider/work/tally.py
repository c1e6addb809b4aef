"""What is counted of tasks, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge


class Tally:
    """Counters of tasks. Labels are states alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ended = Counter(
            "codata_provider_tasks_ended", "Tasks that became final, by state.", ["state"], registry=registry
        )
        self.cpu = Counter(
            "codata_provider_task_cpu_seconds", "CPU seconds of tasks that were done.", registry=registry
        )
        self.fetched = Counter(
            "codata_provider_fetched_bytes", "Bytes of inputs fetched from sources.", registry=registry
        )
        self.now = Gauge(
            "codata_provider_tasks", "Tasks that are not final, by state.", ["state"], registry=registry
        )

    def watch(self, counts: Callable[[], Mapping[str, int]], phases: Callable[[], Sequence[str]]) -> None:
        """Ask these for how many tasks are queued, running ones included, and what is being done."""
        self.now.labels("fetching").set_function(lambda: list(phases()).count("fetching"))
        self.now.labels("running").set_function(lambda: list(phases()).count("running"))
        self.now.labels("queued").set_function(lambda: counts().get("queued", 0) - len(phases()))

    def count(self, state: str, answer: Mapping[str, Any]) -> None:
        """A task has become final."""
        self.ended.labels(state).inc()
        self.cpu.inc(answer.get("cost", {}).get("cpu_us", 0) / 1e6)
