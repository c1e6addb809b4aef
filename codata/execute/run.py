"""Running a job: drive its plan, publish the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cid_store.cid import CID
from codata.closure import roots_of
from codata.errors import TaskFailed
from codata.execute.executors import Executor
from codata.execute.progress import Progress, Quiet
from codata.execute.stages import Driven, Driver
from codata.home import Home
from codata.plan.plan import plan
from codata.plan.stage import PLANNER_VERSION, Planner
from codata.records import pages
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run, RunRow

CONTEXT: Final = "codata/run/1"


@dataclass(frozen=True)
class RunResult:
    """What a run gave. `tasks` = `executed` + `reused`; `seconds` of wall time."""

    run: CID
    outputs: Mapping[str, CID]
    tasks: int
    executed: int
    reused: int
    bytes_moved: int
    seconds: float
    conflicts: tuple[CID, ...] = ()


def run(
    home: Home, job: Job, inputs: Mapping[str, CID], executor: Executor, progress: Progress | None = None
) -> RunResult:
    """Run `job` over `inputs` and publish the run: pinned, findable by its outputs. Raises what a task
    raised."""
    began = time.perf_counter()
    store = home.store
    driver = Driver(home, executor, progress or Quiet())
    driven = driver.drive(plan(job, inputs, Planner(store)))
    # What the run keeps must be here, also where all of its work was known already.
    for name, root in (*inputs.items(), *driven.outputs.items()):
        driver.restore(name, _shards(home, root))
    record = _publish(home, job, inputs, driven)
    return RunResult(
        run=record,
        outputs=driven.outputs,
        tasks=driven.executed + driven.reused,
        executed=driven.executed,
        reused=driven.reused,
        bytes_moved=0,
        seconds=time.perf_counter() - began,
        conflicts=tuple(driven.conflicts),
    )


def _shards(home: Home, root: CID) -> list[CID]:
    """The shards of a dataset; none of a source."""
    if kind_of(home.store, root) != Manifest.kind:
        return []
    return [shard.cid for shard in Manifest.load(home.store, root).refs(home.store)]


def _publish(home: Home, job: Job, inputs: Mapping[str, CID], driven: Driven) -> CID:
    """Make the outputs durable, then the run that speaks of them, then the pin that keeps it."""
    store = home.store
    rows = pages.put(store, (_row(home, task, receipt).to_value() for task, receipt in driven.rows))
    me = home.identity
    fields = {
        "job": job.save(store),
        "planner": PLANNER_VERSION,
        "inputs": dict(inputs),
        "outputs": driven.outputs,
        "rows": rows,
        "count": len(driven.rows),
        "coordinator": me.did,
    }
    unsigned = Run(**fields, signature=bytes(64))  # type: ignore[arg-type]
    record = Run(**fields, signature=me.sign(CONTEXT, unsigned.claim()))  # type: ignore[arg-type]
    cid = record.save(store)
    store.persist(roots_of(store, cid))
    home.keeper.pin(cid)
    home.ledger.add_run(cid, driven.outputs.values())
    return cid


def _row(home: Home, task: CID, receipt: CID) -> RunRow:
    sealed = home.ledger.sealed(receipt)
    if sealed is None:
        raise TaskFailed(f"receipt {receipt} has no seal here", cid=receipt)
    return RunRow(task, receipt, sealed.seal, sealed.index, sealed.proof)
