"""`codata plan`: what a run would do, as far as it can be known before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cid_store.cid import CID, DAG_CBOR
from codata.execute.executors import Embedded
from codata.execute.stages import Driven, Driver, Quiet
from codata.home import Home
from codata.plan.plan import plan
from codata.plan.stage import Planner
from codata.records.job import Job
from codata.verify.sample import draws


@dataclass(frozen=True)
class StageEstimate:
    """One stage: its tasks, how many are done already, the bytes that the others read."""

    name: str
    tasks: int
    cached: int
    bytes: int


@dataclass(frozen=True)
class Estimate:
    """`complete`: no stage is unknown. `draws`: tasks a verifier draws in a stage for 1% at 99%."""

    stages: tuple[StageEstimate, ...]
    complete: bool
    draws: int


def estimate(home: Home, job: Job, inputs: Mapping[str, CID]) -> Estimate:
    """Follow the plan through what is done already, up to the first stage with work to do."""
    driver = Driver(home, Embedded(1), Quiet())
    plan_ = plan(job, inputs, Planner(home.store))
    stages: list[StageEstimate] = []
    send = None
    complete = False
    while True:
        try:
            stage = next(plan_) if send is None else plan_.send(send)
        except StopIteration:
            complete = True
            break
        known = {t.cid: found for t in stage.tasks if (found := driver.cached(t.cid, Driven()))}
        todo = [t for t in stage.tasks if t.cid not in known]
        size = sum(_size(home, c) for t in todo for n in t.inputs for c in t.input_cids(home.store, n))
        stages.append(StageEstimate(stage.name, len(stage.tasks), len(stage.tasks) - len(todo), size))
        if todo:
            break
        send = [known[t.cid][1] for t in stage.tasks]
    return Estimate(tuple(stages), complete, draws(Decimal("0.01"), Decimal("0.99")))


def _size(home: Home, cid: CID) -> int:

    if not home.store.has(cid):
        return 0
    return len(home.store.get(cid)) if cid.codec == DAG_CBOR else home.store.open_file(cid).size
