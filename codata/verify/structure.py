"""Structure: everything a run claims that can be checked without running anything.

Signatures and inclusion proofs hold, every receipt is for its task, and the plan, derived anew from the job
and the receipts, is the recorded one: no task can be left out and none put in.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    CorruptBlock,
    StoreError,
    UnsupportedCodec,
    UnsupportedHash,
)
from codata import identity, seals
from codata.errors import FalseClaim, NotCheckable, UnknownStep
from codata.execute.run import CONTEXT
from codata.plan.plan import plan
from codata.plan.stage import PLANNER_VERSION, Planner, Results, Stage
from codata.records.job import Job
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.records.task import Task

_NOT_THE_RUNS_FAULT = (
    BlockNotFound,
    CorruptBlock,
    FalseClaim,
    NotCheckable,
    StoreError,
    UnknownStep,
    UnsupportedCodec,
    UnsupportedHash,
)
"""What a plan may meet that is true, or false already in its own words. All else means that nobody ran this
plan."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded task: its CID, its receipt, and the stage of the plan that it belongs to, by name and
    number."""

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
    """Raise `FalseClaim` where the run contradicts itself, `BlockNotFound` or `CorruptBlock` where bytes are
    missing.

    `store` is written to (the derived manifests): give an overlay to keep the checked store as it is.
    """
    run = Run.load(store, cid)
    identity.verify(run.coordinator, CONTEXT, run.claim(), run.signature)
    if run.planner != PLANNER_VERSION:
        raise NotCheckable(
            f"the run was planned by planner version {run.planner}; this is version {PLANNER_VERSION}",
            next_step="verify with the version of codata that has that planner",
        )
    with _needed(cid):
        claimed = list(_claims(store, run))
        engines = _engines(store, (task for task, _ in claimed), cid)
        return Structure(cid, run, _follow(store, run, claimed, engines, cid))


@contextmanager
def _needed(cid: CID) -> Iterator[None]:
    """Say of a block that is missing what it is missing for."""
    try:
        yield
    except BlockNotFound as e:
        raise BlockNotFound(
            f"{e.message}: the structure of run {cid} can't be checked without it",
            cid=e.cid,
            next_step="`codata car import` the run again from whoever published it",
        ) from e


def _claims(store: Store, run: Run) -> Iterator[tuple[CID, CID]]:
    """Each row's task and receipt, once the receipt's seal is proven."""
    checker = seals.Checker(store)
    for row in run.entries(store):
        checker.receipt(row)
        yield row.task, row.receipt


def _engines(store: Store, tasks: Iterable[CID], cid: CID) -> dict[str, str]:
    """The versions of engines that the run's tasks name: one of each."""
    versions: dict[str, str] = {}
    for task in tasks:
        for name, version in Task.load(store, task).engines.items():
            if versions.setdefault(name, version) != version:
                raise FalseClaim(f"the run's tasks name {name} {versions[name]} and {version}", cid=cid)
    return versions


def _follow(
    store: Store, run: Run, claimed: Sequence[tuple[CID, CID]], engines: dict[str, str], cid: CID
) -> list[Row]:
    planner = Planner(store, lambda name: engines.get(name, ""))
    plan_ = plan(Job.load(store, run.job), run.inputs, planner)
    rows: list[Row] = []
    send: list[Receipt] | None = None
    for number in count():
        stage, outputs = _next(plan_, send, cid)
        if stage is None:
            return _end(rows, claimed, outputs, run, cid)
        send = []
        for task in stage.tasks:
            recorded, receipt = _at(claimed, len(rows), task, stage, cid)
            loaded = Receipt.load(store, receipt)
            rows.append(Row(recorded, loaded, stage.name, number))
            send.append(loaded)
    raise AssertionError("a plan ends")


def _next(
    plan_: Generator[Stage, Results, object], send: list[Receipt] | None, cid: CID
) -> tuple[Stage | None, dict[str, CID]]:
    """The next stage, or None and the outputs. What receipts and jobs hold is hostile until a plan has taken
    it."""
    try:
        return (next(plan_) if send is None else plan_.send(send)), {}
    except StopIteration as end:
        return None, dict(end.value)
    except _NOT_THE_RUNS_FAULT:
        raise
    except CidStoreError as e:
        raise FalseClaim(f"the run's job and receipts make no plan: {e.message}", cid=cid) from e
    except KeyError as e:
        raise FalseClaim(f"a receipt or the job lacks {e}, which the plan goes on with", cid=cid) from e
    except (ArithmeticError, AttributeError, IndexError, RecursionError, TypeError, ValueError) as e:
        raise FalseClaim(f"the run's job and receipts make no plan: {type(e).__name__}: {e}", cid=cid) from e


def _at(claimed: Sequence[tuple[CID, CID]], at: int, task: Task, stage: Stage, cid: CID) -> tuple[CID, CID]:
    """Row `at` of the run, which must be `task`."""
    if at == len(claimed):
        raise FalseClaim(f"the plan has a task {task.cid} ({stage.name}) that the run left out", cid=cid)
    if claimed[at][0] != task.cid:
        raise FalseClaim(
            f"task {at} of the run is {claimed[at][0]}; by the plan it is {task.cid} ({stage.name})", cid=cid
        )
    return claimed[at]


def _end(
    rows: list[Row], claimed: Sequence[tuple[CID, CID]], outputs: dict[str, CID], run: Run, cid: CID
) -> list[Row]:
    if len(rows) != len(claimed):
        raise FalseClaim(
            f"the run lists {len(claimed) - len(rows)} tasks that the plan does not have", cid=cid
        )
    if outputs != dict(run.outputs):
        wrong = next(
            name for name in {**outputs, **run.outputs} if outputs.get(name) != run.outputs.get(name)
        )
        raise FalseClaim(
            f"output {wrong!r} of the run is {run.outputs.get(wrong)}; "
            f"its receipts give {outputs.get(wrong)}",
            cid=cid,
        )
    return rows
