"""`codata trace`: the runs behind a row are chosen, held against their plans, and followed."""

from __future__ import annotations

import tempfile

from cid_store import Store
from cid_store.cid import CID
from cid_store.stores import open_store
from cid_store.stores.overlay import overlay_url
from codata.execute.executors import Executor
from codata.execute.progress import Progress, Quiet
from codata.execute.worker import release
from codata.home import Home
from codata.records.base import kind_of
from codata.records.run import Run
from codata.show import dataset_of
from codata.trace.follow import follow
from codata.trace.tasks import Tasks
from codata.trace.way import Way
from codata.verify.rerun import Rerunner
from codata.verify.structure import check_structure


def trace(home: Home, ref: str, row: int, executor: Executor, progress: Progress | None = None) -> Way:
    """The way back of row `row`, from 0, of the dataset (or of the one output of the run) that `ref` names.

    Of several runs that gave a dataset the last one known here is followed. Tables that are gone are made
    again in a store that is dropped afterwards; the home stays as it is. Raises what checking a run's
    structure raises, and `NotCheckable` where a task's engines are not those installed here.
    """
    dataset = dataset_of(home, ref)
    cid = home.resolve(ref)
    first = cid if kind_of(home.store, cid) == Run.kind else None
    with tempfile.TemporaryDirectory(prefix="codata-trace-") as folder:
        url = overlay_url(front=folder, back=home.store_url)
        with open_store(url) as store:
            runs = _Runs(home, store, url, executor, progress or Quiet(), first)
            try:
                return follow(store, dataset, row, runs.choose)
            finally:
                release()


class _Runs:
    """Chooses the run behind a dataset, once for each."""

    def __init__(
        self, home: Home, store: Store, url: str, executor: Executor, progress: Progress, first: CID | None
    ) -> None:
        self._home, self._store, self._url = home, store, url
        self._executor, self._progress, self._first = executor, progress, first
        self._tasks: dict[CID, Tasks] = {}

    def choose(self, dataset: CID, through: frozenset[CID]) -> Tasks | None:
        """The last run that gave the dataset, other than those that the way came through."""
        runs = [r for r in self._home.ledger.runs(dataset) if r not in through and self._store.has(r)]
        if self._first and not through:
            runs = [self._first]
        return self._of(runs[-1]) if runs else None

    def _of(self, run: CID) -> Tasks:
        if run not in self._tasks:
            self._progress.stage("trace: check the run", 0, 0)
            structure = check_structure(self._store, run)
            rerunner = Rerunner(
                self._store,
                self._url,
                structure.rows,
                self._executor,
                self._home.identity.did,
                self._progress,
            )
            self._tasks[run] = Tasks(self._store, structure, rerunner)
        return self._tasks[run]
