"""What a worker process does: one task by its CID. Imports little, so that a process can be set up first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing import parent_process
from threading import Lock, Thread
from traceback import clear_frames
from typing import TYPE_CHECKING

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata import process
from codata.errors import OutOfResources, TaskFailed

if TYPE_CHECKING:
    from cid_store import Store
    from codata.ledger import Sealed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: a receipt, or a named error. Nothing else passes through a scheduler.

    `sealed`: where the receipt is sealed, if its executor did that already.
    """

    task: CID
    receipt: CID | None = None
    error: CidStoreError | None = None
    sealed: Sealed | None = None


def set_up(environment: dict[str, str]) -> None:
    """Settings that libraries read when they are imported; what only a process of our own may do."""
    os.environ.update(environment)
    process.hasten()
    Thread(target=_end_with_owner, name="owner", daemon=True).start()


def _end_with_owner() -> None:
    """A process that was killed can't end its workers, and they would wait for its tasks for ever."""
    owner = parent_process()
    if owner is not None:
        owner.join()
        os._exit(1)


def ready() -> None:
    """Import what tasks need and prove pyarrow: for a worker whose first task is not known yet."""
    from codata import ops
    from codata.execute import perform  # noqa: F401
    from codata.table.golden import check_engine

    ops.load()
    check_engine()


_open: dict[tuple[str, int], Store] = {}
"""Stores by URL and process: a worker keeps one open over its tasks."""

_opening = Lock()


def opened(url: str) -> Store:
    """The store at `url`, kept open over tasks."""
    from cid_store.stores import open_store

    key = url, os.getpid()
    with _opening:
        if key not in _open:
            release()
            store = _open[key] = open_store(url)
            # What a task makes can be made again; results are made durable before they are reported.
            store.relax()
        return _open[key]


def release() -> None:
    """Close what tasks in this process opened: an open store protects from `gc` all that it wrote."""
    for key in [key for key in _open if key[1] == os.getpid()]:
        _open.pop(key).close()


def work(url: str, task: str, executor: str) -> Outcome:
    """Perform the task of this CID in the store at `url`, for the DID `executor`."""
    from codata.execute.perform import perform
    from codata.records.task import Task

    cid = CID(task)
    try:
        store = opened(url)
        receipt = perform(Task.load(store, cid), store, executor)
        return Outcome(cid, receipt.save(store))
    except CidStoreError as e:
        _let_go(e)
        return Outcome(cid, error=e)
    except MemoryError:
        return Outcome(cid, error=OutOfResources(f"task {cid} ran out of memory", cid=cid))
    except Exception as e:  # noqa: BLE001 - a step may raise anything; it must not take the others' work along
        return Outcome(cid, error=TaskFailed(f"{type(e).__name__}: {e}", cid=cid))


def _let_go(error: BaseException) -> None:
    """Empty the frames of an error: tables in them would stay as long as its outcome does."""
    chain: BaseException | None = error
    while chain is not None:
        clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
