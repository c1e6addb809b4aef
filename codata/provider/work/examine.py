"""Whether a task may be performed here: looked at before any of its inputs is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import BlockNotFound
from codata import ops
from codata.closure import links
from codata.errors import BadRecord
from codata.execute.perform import check_engines
from codata.plan.rows import RowsParams
from codata.plan.stage import Planner
from codata.provider.work.errors import MissingInput, TooManyInputs
from codata.provider.work.policy import Policy, names_of
from codata.provider.work.settings import Limits
from codata.records import pages
from codata.records.task import Task

MAX_INPUTS: Final = 1 << 20
"""CIDs that the tasks of one request name, at most: as many as a run has tasks."""

_MAX_NAMES: Final = 256  # input lists of one task
_SHOWN: Final = 500  # characters of a message


@dataclass(frozen=True, slots=True)
class Accepted:
    """A task that may be performed: the CIDs that it needs, and the limits that hold for it."""

    task: CID
    needs: tuple[CID, ...]
    limits: Limits


@dataclass(slots=True)
class Budget:
    """How many inputs are still looked at. One that is named twice, or for nothing, counts too."""

    left: int = MAX_INPUTS

    def take(self, count: int, cid: CID) -> None:
        """Raise `TooManyInputs` where the task `cid` names more."""
        if count > self.left:
            raise TooManyInputs(f"task {cid} has more than {self.left} inputs", cid=cid)
        self.left -= count


def examine(store: Store, policy: Policy, did: str, cid: CID, budget: Budget) -> Accepted:
    """Look at the task `cid` for `did`. Reads its record and its lists of inputs, within the `budget`.

    Raises `MissingInput` where a record is not here, `BadRecord`, `UnknownStep`, `ParameterError`,
    `NotCheckable`, `TooManyInputs`, and `NotAllowed` with the rule that refuses.
    """
    try:
        task = Task.load(store, cid)
    except BlockNotFound:
        raise MissingInput(
            f"the record of task {cid} is not here", cid=cid, next_step="push it (POST /blocks)"
        ) from None
    operation = ops.find(task.step, task.version)
    params = ops.check_params(operation.params, dict(task.params), task.step)
    allowed = policy.allow(did, names_of(task.step, params))
    for call in params.steps if isinstance(params, RowsParams) else ():
        call.find()
    _check_engines(task, Planner.engines(operation, params))
    return Accepted(cid, tuple(dict.fromkeys(_needs(store, task, cid, budget))), allowed.limits)


def needs_of(store: Store, cid: CID) -> list[CID]:
    """The CIDs that an accepted task needs."""
    return list(dict.fromkeys(_needs(store, Task.load(store, cid), cid, Budget())))


def _check_engines(task: Task, declared: tuple[str, ...]) -> None:
    """The task names the engines of its operation, no more and no fewer, in the versions that are here."""
    if set(task.engines) != set(declared):
        raise BadRecord(
            f"task {task.cid} names the engines {', '.join(sorted(task.engines)) or 'none'},"
            f" and {task.step} has {', '.join(declared)}"[:_SHOWN],
            cid=task.cid,
        )
    check_engines(task)


def _needs(store: Store, task: Task, cid: CID, budget: Budget) -> Iterator[CID]:
    if len(task.inputs) > _MAX_NAMES:
        raise BadRecord(f"task {cid} has more than {_MAX_NAMES} lists of inputs", cid=cid)
    for name, value in task.inputs.items():
        try:
            budget.take(_count(store, value), cid)
            if isinstance(value, CID):
                yield from pages.cids(store, value)
            yield from task.input_cids(store, name)
        except BlockNotFound as e:
            raise MissingInput(
                f"page {e.cid} of input {name!r} of task {cid} is not here",
                cid=e.cid,
                next_step="push the pages of long input lists with the task (POST /blocks)",
            ) from None
    files = list(_artifacts(task.params))
    budget.take(len(files), cid)
    yield from files


def _count(store: Store, value: tuple[CID, ...] | CID) -> int:
    return pages.count(store, value) if isinstance(value, CID) else len(value)


def _artifacts(params: Mapping[str, object]) -> Iterator[CID]:
    """Files that parameters link: a tokenizer, say."""
    return links(dict(params))  # type: ignore[arg-type]
