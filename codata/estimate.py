"""`codata plan`: what a run would do, as far as it can be known before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from cid_store.cid import CID, DAG_CBOR
from codata.execute.known import Cache
from codata.home import Home
from codata.plan.plan import plan
from codata.plan.stage import Planner
from codata.records.job import Job
from codata.records.receipt import Receipt
from codata.records.task import Task
from codata.verify.sample import draws

_DRAWS: Final = draws(Decimal("0.01"), Decimal("0.99"))


@dataclass(frozen=True)
class StageEstimate:
    """One stage: its tasks, how many are done already, the bytes that the others read."""

    name: str
    tasks: int
    cached: int
    bytes: int


@dataclass(frozen=True)
class Estimate:
    """`complete`: no stage is unknown. `draws`: tasks a verifier draws in a stage for 1% at 99%.

    `todo`: the tasks of the last stage that are not done yet.
    """

    stages: tuple[StageEstimate, ...]
    complete: bool
    draws: int
    todo: tuple[Task, ...] = ()


def estimate(home: Home, job: Job, inputs: Mapping[str, CID]) -> Estimate:
    """Follow the plan through what is done already, up to the first stage with work to do.

    Nothing runs; the store gets no more than pages of long input lists, which `gc` takes.
    """
    cache = Cache(home)
    plan_ = plan(job, inputs, Planner(home.store))
    stages: list[StageEstimate] = []
    send: list[Receipt] | None = None
    while True:
        try:
            stage = next(plan_) if send is None else plan_.send(send)
        except StopIteration:
            break
        tasks = {task.cid: task for task in stage.tasks}
        known = cache.look(tasks).known
        todo = [task for cid, task in tasks.items() if cid not in known]
        size = sum(_size(home, c) for t in todo for n in t.inputs for c in t.input_cids(home.store, n))
        stages.append(StageEstimate(stage.name, len(tasks), len(known), size))
        if todo:
            return Estimate(tuple(stages), False, _DRAWS, tuple(todo))
        send = [known[task.cid][1] for task in stage.tasks]
    return Estimate(tuple(stages), True, _DRAWS)


def _size(home: Home, cid: CID) -> int:
    """Bytes of an input; 0 for one that must be made again first."""
    if not home.store.has(cid):
        return 0
    return len(home.store.get(cid)) if cid.codec == DAG_CBOR else home.store.open_file(cid).size
