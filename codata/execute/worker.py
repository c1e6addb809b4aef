"""What a worker process does: one task by its CID. Imports little, so that a process can be set up first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cid_store.cid import CID
from cid_store.errors import CidStoreError

if TYPE_CHECKING:
    from cid_store import Store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: a receipt, or a named error. Nothing else passes through a scheduler."""

    task: CID
    receipt: CID | None = None
    error: CidStoreError | None = None


def set_up(environment: dict[str, str]) -> None:
    """Settings that libraries read when they are imported."""
    os.environ.update(environment)


@lru_cache(maxsize=4)
def _store(url: str, pid: int) -> Store:
    from cid_store.stores import open_store

    store = open_store(url)
    store.relax()  # what a task makes can be made again; results are made durable before they are reported
    return store


def work(url: str, task: str, executor: str) -> Outcome:
    """Perform the task of this CID in the store at `url`, for the DID `executor`."""
    from codata.execute.perform import perform
    from codata.records.task import Task

    cid = CID(task)
    try:
        store = _store(url, os.getpid())
        receipt = perform(Task.load(store, cid), store, executor)
        return Outcome(cid, receipt.save(store))
    except CidStoreError as e:
        return Outcome(cid, error=e)
    except MemoryError:
        return Outcome(cid, error=CidStoreError(f"task {cid} ran out of memory", cid=cid))
    except Exception as e:  # noqa: BLE001 - a step may raise anything; it must not take the others' work along
        from codata.errors import TaskFailed

        return Outcome(cid, error=TaskFailed(f"{type(e).__name__}: {e}", cid=cid))
