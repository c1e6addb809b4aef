"""What a run's tasks were and what they cost, by kind of work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from cid_store import Store
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.task import Task


@dataclass(slots=True)
class Work:
    """Tasks of one kind: how many, the rows of their outputs, microseconds of CPU."""

    tasks: int = 0
    rows: int = 0
    cpu_us: int = 0


@dataclass(frozen=True)
class Tally:
    """`work` by kind in plan order, and tasks by executor."""

    work: dict[str, Work] = field(default_factory=dict)
    executors: Counter[str] = field(default_factory=Counter)

    @property
    def tasks(self) -> int:
        """How many tasks were looked at."""
        return self.executors.total()


def tally(store: Store, run: Run, most: int | None = None) -> Tally:
    """The tally of a run, or of its first `most` tasks; raises `BlockNotFound`, `BadRecord`."""
    found = Tally()
    for row in islice(run.entries(store), most):
        receipt = Receipt.load(store, row.receipt)
        work = found.work.setdefault(_kind(Task.load(store, row.task)), Work())
        work.tasks += 1
        work.rows += sum(output.rows for output in receipt.out.values())
        work.cpu_us += receipt.cost.cpu_us
        found.executors[receipt.executor] += 1
    return found


def _kind(task: Task) -> str:
    """What a task does: its operation, or the steps that are fused in it."""
    calls = task.params.get("steps") if task.step == "rows" else None
    names = [c.get("step") for c in calls if isinstance(c, dict)] if isinstance(calls, list) else [task.step]
    return " + ".join(str(name) for name in names)
