"""`codata diff`: the first task at which two runs part, the first differing rows, and the likely cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from cid_store import Store
from cid_store.cid import CID
from codata.records import pages
from codata.records.environment import Environment
from codata.records.job import Job
from codata.records.receipt import Receipt
from codata.records.run import Run, RunRow
from codata.records.task import Task
from codata.verify.compare import difference


@dataclass(frozen=True)
class Difference:
    """Where two runs part. `task` counts tasks in plan order; None where the runs give the same."""

    same: bool
    task: int | None
    what: str
    rows: str
    cause: str


def diff(store: Store, a: CID, b: CID) -> Difference:
    """Compare two runs. Equal stretches of their task lists are skipped by their page CIDs."""
    left, right = Run.load(store, a), Run.load(store, b)
    start = pages.first_difference(store, left.rows, right.rows)
    if start is None:
        return _ends(store, left, right)
    for i, (one, two) in enumerate(zip_longest(_rows(store, left, start), _rows(store, right, start)), start):
        if one is None or two is None:
            return Difference(
                False, i, f"only one of the runs has a task {i}", "", _cause_job(store, left, right)
            )
        if one.task != two.task:
            first, second = Task.load(store, one.task), Task.load(store, two.task)
            return Difference(
                False, i, f"task {i} is {one.task} against {two.task}", "", _cause(first, second)
            )
        if one.receipt != two.receipt:
            mine, yours = Receipt.load(store, one.receipt), Receipt.load(store, two.receipt)
            if mine.out != yours.out:
                step = Task.load(store, one.task).step
                return Difference(
                    False,
                    i,
                    f"task {i} ({step}, {one.task}) gave different results",
                    difference(store, mine.out, yours.out),
                    _cause_environment(store, mine, yours),
                )
    return _ends(store, left, right)


def _rows(store: Store, run: Run, start: int) -> Iterator[RunRow]:
    for value in pages.items(store, run.rows, start):
        yield RunRow.from_value(value, run.rows)


def _ends(store: Store, a: Run, b: Run) -> Difference:
    if a.outputs == b.outputs:
        return Difference(True, None, "the runs did the same tasks and gave the same outputs", "", "")
    return Difference(False, None, "the tasks are the same, the outputs are not", "", _cause_job(store, a, b))


def _cause_job(store: Store, a: Run, b: Run) -> str:
    if a.job == b.job:
        changed = [n for n in a.inputs if a.inputs[n] != b.inputs.get(n)]
        return f"other inputs: {', '.join(changed)}" if changed else "the same job on the same inputs"
    for i, (one, two) in enumerate(zip_longest(Job.load(store, a.job).steps, Job.load(store, b.job).steps)):
        if one != two:
            names = one.step if one else "nothing", two.step if two else "nothing"
            return f"the jobs differ from step {i + 1}: {names[0]} against {names[1]}"
    return "the jobs differ in their inputs or outputs"


def _cause(a: Task, b: Task) -> str:
    if (a.step, a.version) != (b.step, b.version):
        return f"another operation: {a.step} version {a.version} against {b.step} version {b.version}"
    if a.params != b.params:
        keys = [k for k in {**a.params, **b.params} if a.params.get(k) != b.params.get(k)]
        return f"other parameters of {a.step}: {', '.join(sorted(keys))}"
    if a.engines != b.engines:
        keys = sorted(k for k in {**a.engines, **b.engines} if a.engines.get(k) != b.engines.get(k))
        return "other engines: " + ", ".join(
            f"{k} {a.engines.get(k)} against {b.engines.get(k)}" for k in keys
        )
    return f"other inputs of {a.step}: {', '.join(n for n in a.inputs if a.inputs[n] != b.inputs.get(n))}"


def _cause_environment(store: Store, a: Receipt, b: Receipt) -> str:
    if a.environment == b.environment:
        who = "the same executor" if a.executor == b.executor else f"executors {a.executor} and {b.executor}"
        return (
            f"the environment is the same ({who}): "
            "one of the results is false, or the step is not deterministic"
        )
    one, two = Environment.load(store, a.environment), Environment.load(store, b.environment)
    fields = ("python", "platform", "cpu", "packages", "settings")
    parts = [f for f in fields if getattr(one, f) != getattr(two, f)]
    return f"other environments: {', '.join(parts)}"
