"""Structure: everything a run claims that can be checked without running anything.

Signatures and inclusion proofs hold, every receipt is for its task, and the plan, derived anew from the job and the
receipts, is the recorded one: no task can be left out and none put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from cid_store import Store
from cid_store.cid import CID
from codata import identity, seals
from codata.errors import FalseClaim, NotCheckable
from codata.execute.run import CONTEXT
from codata.plan.plan import plan
from codata.plan.stage import PLANNER_VERSION, Planner
from codata.records.job import Job
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.task import Task


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded task: its CID, its receipt, and the stage of the plan that it belongs to, by name and number."""

    task: CID
    receipt: Receipt
    stage: str
    number: int


@dataclass(frozen=True)
class Structure:
    """A run whose structure holds."""

    cid: CID
    run: Run
    rows: Sequence[Row]


def check_structure(store: Store, cid: CID) -> Structure:
    """Raise `FalseClaim` where the run contradicts itself, `BlockNotFound` or `CorruptBlock` where bytes are missing.

    `store` is written to (the derived manifests): give an overlay to keep the checked store as it is.
    """
    run = Run.load(store, cid)
    identity.verify(run.coordinator, CONTEXT, run.claim(), run.signature)
    if run.planner != PLANNER_VERSION:
        raise NotCheckable(
            f"the run was planned by planner version {run.planner}; this is version {PLANNER_VERSION}",
            next_step="verify with the version of codata that has that planner",
        )
    claimed = _rows(store, run, cid)
    tasks = {task: Task.load(store, task) for task, _ in claimed}
    rows = _follow(store, run, claimed, _engines(tasks.values(), cid), cid)
    return Structure(cid, run, rows)


def _rows(store: Store, run: Run, cid: CID) -> list[tuple[CID, Receipt]]:
    checker = seals.Checker(store)
    claimed: list[tuple[CID, Receipt]] = []
    for row in run.entries(store):
        executor = checker.executor(row)
        receipt = Receipt.load(store, row.receipt)
        if receipt.task != row.task:
            raise FalseClaim(
                f"receipt {row.receipt} is for task {receipt.task}, not for {row.task}", cid=row.receipt
            )
        if receipt.executor != executor:
            raise FalseClaim(f"receipt {row.receipt} names another executor than its seal", cid=row.receipt)
        claimed.append((row.task, receipt))
    if len(claimed) != run.count:
        raise FalseClaim(f"the run states {run.count} tasks and lists {len(claimed)}", cid=cid)
    return claimed


def _engines(tasks: Iterable[Task], cid: CID) -> dict[str, str]:
    versions: dict[str, str] = {}
    for task in tasks:
        for name, version in task.engines.items():
            if versions.setdefault(name, version) != version:
                raise FalseClaim(f"the run's tasks name {name} {versions[name]} and {version}", cid=cid)
    return versions


def _follow(
    store: Store, run: Run, claimed: list[tuple[CID, Receipt]], engines: dict[str, str], cid: CID
) -> list[Row]:
    planner = Planner(store, lambda name: engines.get(name, ""))
    plan_ = plan(Job.load(store, run.job), run.inputs, planner)
    rows: list[Row] = []
    send: list[Receipt] | None = None
    for number in count():
        try:
            stage = next(plan_) if send is None else plan_.send(send)
        except StopIteration as end:
            return _end(rows, claimed, dict(end.value), run, cid)
        except KeyError as e:
            raise FalseClaim(f"a receipt lacks the output {e} that the plan goes on with", cid=cid) from None
        send = []
        for task in stage.tasks:
            at = len(rows)
            if at == len(claimed):
                raise FalseClaim(f"the plan has a task {task.cid} ({stage.name}) that the run left out", cid=cid)
            recorded, receipt = claimed[at]
            if recorded != task.cid:
                raise FalseClaim(
                    f"task {at} of the run is {recorded}; by the plan it is {task.cid} ({stage.name})", cid=cid
                )
            rows.append(Row(recorded, receipt, stage.name, number))
            send.append(receipt)
    raise AssertionError("a plan ends")


def _end(
    rows: list[Row], claimed: list[tuple[CID, Receipt]], outputs: dict[str, CID], run: Run, cid: CID
) -> list[Row]:
    if len(rows) != len(claimed):
        raise FalseClaim(f"the run lists {len(claimed) - len(rows)} tasks that the plan does not have", cid=cid)
    if outputs != dict(run.outputs):
        wrong = next(name for name in {**outputs, **run.outputs} if outputs.get(name) != run.outputs.get(name))
        raise FalseClaim(
            f"output {wrong!r} of the run is {run.outputs.get(wrong)}; its receipts give {outputs.get(wrong)}", cid=cid
        )
    return rows
