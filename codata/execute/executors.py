"""Executors: where a stage's tasks run. Each gives Dask a graph whose keys are task CIDs; only CIDs pass
through it.

`dask._task_spec` is private and is used here alone.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, Self

from cid_store.cid import CID
from codata.errors import OutOfResources
from codata.execute.account import Account
from codata.execute.spawn import WorkerPool
from codata.execute.worker import Outcome, ready, release, work
from codata.records.job import Job

Report = Callable[[Outcome], None]


class Executor(ABC):
    """Runs tasks that do not depend on each other."""

    elsewhere: ClassVar[bool] = False
    """Whether a run's inputs may lie with others alone, whose business it is to keep them."""

    def begin(self, job: Job, inputs: Mapping[str, CID]) -> None:  # noqa: B027 - most have nothing to do
        """A run of this job is about to begin."""

    def stage(self, name: str) -> None:  # noqa: B027 - most have nothing to do
        """The tasks that come next are of this stage."""

    @abstractmethod
    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        """Run each task of the store at `url`; call `report` in this thread as each ends, in any order."""

    def holds(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these its tasks can read although the home's store lacks them."""
        return [False] * len(cids)

    def fetch(self, cids: Sequence[CID]) -> list[CID]:
        """Bring what it holds to the home's store; returns what it could not bring."""
        return []

    def account(self) -> Account:
        """What the work came to so far."""
        return Account()

    def expect(self, tasks: int) -> None:  # noqa: B027 - most have nothing to prepare
        """So many tasks may come soon: what can be prepared for them may be, before they are known."""

    @abstractmethod
    def close(self) -> None:
        """Release processes and connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def node(key: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """A task of a graph: `function` of `arguments`."""
    from dask._task_spec import Task as Node

    return Node(key, function, *arguments)


def keys_of(tasks: Sequence[CID], url: str, executor: str) -> dict[str, CID]:
    """Each task's key. Dask gives the old result for a known key, so a key says all that the result depends
    on: another store, or another executor's name in the receipt, is another key."""
    where = sha256(f"{url}\0{executor}".encode()).hexdigest()[:16]
    return {f"{cid}-{where}": cid for cid in tasks}


def _graph(tasks: Sequence[CID], url: str, executor: str) -> dict[str, Any]:
    keys = keys_of(tasks, url, executor)
    return {key: node(key, work, url, str(cid), executor) for key, cid in keys.items()}


class Embedded(Executor):
    """Dask on this machine: in this process for a single task or worker, else in worker processes made on
    first need."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cores()

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        """Run the stage; a worker process that dies fails the task it had, after one more try alone."""
        from dask.callbacks import Callback
        from dask.local import get_sync

        done: set[CID] = set()

        def posttask(key: str, result: Outcome, *_: object) -> None:
            done.add(result.task)
            report(result)

        def left() -> list[CID]:
            return [cid for cid in tasks if cid not in done]

        with Callback(posttask=posttask):  # type: ignore[no-untyped-call]
            if self.workers == 1 or len(tasks) == 1:
                get_sync(_graph(tasks, url, executor), list(keys_of(tasks, url, executor)))
                return
            try:
                self._get(left(), url, executor)
            except BrokenProcessPool:
                self._retry(left(), url, executor, report)

    def expect(self, tasks: int) -> None:
        """Start workers, which import their libraries while this process plans."""
        count = min(self.workers, tasks)
        if count > 1 and not self.started:
            for _ in range(count):
                self._pool.submit(ready)

    def _get(self, tasks: Sequence[CID], url: str, executor: str) -> None:
        from dask.multiprocessing import get

        get(
            _graph(tasks, url, executor),
            list(keys_of(tasks, url, executor)),
            pool=self._pool,
            optimize_graph=False,
            chunksize=1,
        )

    def _retry(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        """After a worker died: one task at a time, so that the one which kills its worker is known."""
        for cid in tasks:
            self.close()
            try:
                self._get([cid], url, executor)
            except BrokenProcessPool:
                error = OutOfResources(
                    f"the worker process of task {cid} died twice, most likely for want of memory", cid=cid
                )
                report(Outcome(cid, error=error))

    @property
    def started(self) -> bool:
        """Whether there are worker processes."""
        return "_pool" in self.__dict__

    @cached_property
    def _pool(self) -> WorkerPool:
        threads = str(max(1, available_cores() // self.workers))  # each worker is its cores' worth of Polars
        return WorkerPool(self.workers, {"POLARS_MAX_THREADS": threads, "OMP_NUM_THREADS": threads})

    def close(self) -> None:
        """End the worker processes, also in the middle of a task; close the stores that tasks in this process
        opened.
        """
        release()
        pool = self.__dict__.pop("_pool", None)
        if pool is not None:
            pool.end()


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
