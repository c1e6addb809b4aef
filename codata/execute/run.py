"""Running a job: drive its plan, publish the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound
from codata.closure import roots_of
from codata.errors import TaskFailed
from codata.execute.account import Account
from codata.execute.executors import Executor
from codata.execute.known import BATCH
from codata.execute.progress import Progress, Quiet
from codata.execute.stages import LOSSES, Driven, Driver
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
    account: Account = field(default_factory=Account)


def run(
    home: Home,
    job: Job,
    inputs: Mapping[str, CID],
    executor: Executor,
    progress: Progress | None = None,
    *,
    leave: bool = False,
) -> RunResult:
    """Run `job` over `inputs` and publish the run: pinned, findable by its outputs. Raises what a task
    raised.

    What other machines made is fetched to this home; with `leave` it stays there.
    """
    began = time.perf_counter()
    store = home.store
    driver = Driver(home, executor, progress or Quiet())

    def complete(driven: Driven) -> None:
        # What the run keeps must be at hand, also where all of its work was known already.
        kept = driven.outputs.items() if executor.elsewhere else (*inputs.items(), *driven.outputs.items())
        for name, root in kept:
            driver.restore(name, _shards(home, root))
        if not leave:
            for name, root in driven.outputs.items():
                _fetch(driver, executor, name, _shards(home, root))

    executor.begin(job, inputs)
    driven = driver.drive(lambda: plan(job, inputs, Planner(store)), complete)
    account = executor.account()
    record = _publish(home, job, inputs, driven)
    return RunResult(
        run=record,
        outputs=driven.outputs,
        tasks=driven.executed + driven.reused,
        executed=driven.executed,
        reused=driven.reused,
        bytes_moved=account.bytes_moved,
        seconds=time.perf_counter() - began,
        conflicts=tuple(driven.conflicts),
        account=account,
    )


def _fetch(driver: Driver, executor: Executor, name: str, cids: list[CID]) -> None:
    """Bring what was made elsewhere; what went with whoever held it is made again."""
    for _ in range(LOSSES):
        lost = executor.fetch(cids)
        if not lost:
            return
        driver.restore(name, lost)
    raise BlockNotFound(f"{name}: {lost[0]} was made and lost {LOSSES} times", cid=lost[0])


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
    belonging = roots_of(store, cid)
    while batch := list(islice(belonging, BATCH)):
        # Inputs may lie with providers alone, and results too where they are to stay there.
        held = zip(batch, store.has_many(batch), strict=True)
        store.persist([part for part, here in held if here])
    home.keeper.pin(cid)
    home.ledger.add_run(cid, driven.outputs.values())
    return cid


def _row(home: Home, task: CID, receipt: CID) -> RunRow:
    sealed = home.ledger.sealed(receipt)
    if sealed is None:
        raise TaskFailed(f"receipt {receipt} has no seal here", cid=receipt)
    return RunRow(task, receipt, sealed.seal, sealed.index, sealed.proof)
