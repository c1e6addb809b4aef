"""Before a run is planned: whether work is to be expected, so that an executor may prepare for it."""

from __future__ import annotations

from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.executors import Executor
from codata.home import Home
from codata.records.base import kind_of
from codata.records.manifest import Manifest
from codata.records.run import Run

_RUNS: Final = 32  # the last of a home's runs that are looked at: a few milliseconds


def expect(home: Home, dataset: CID, executor: Executor) -> None:
    """Tell `executor` of a task for each shard of `dataset`, unless a run of late had it as an input: the
    next job on it may find its work done."""
    if kind_of(home.store, dataset) != Manifest.kind or _was_used(home, dataset):
        return
    executor.expect(Manifest.load(home.store, dataset).count)


def _was_used(home: Home, dataset: CID) -> bool:
    for cid in home.ledger.runs()[-_RUNS:]:
        try:
            if dataset in Run.load(home.store, cid).inputs.values():
                return True
        except CidStoreError:
            continue  # a run that is not held any more says nothing
    return False
