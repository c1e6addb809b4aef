"""Homes with runs in them, and what a liar can do to a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cid_store.cid import CID
from codata import jobs, ops, seals
from codata.add import Added, add
from codata.execute.executors import Embedded
from codata.execute.run import CONTEXT, RunResult, run
from codata.home import Home
from codata.records import pages
from codata.records.job import Job
from codata.records.receipt import Receipt
from codata.records.run import Run, RunRow
from codata.verify.sample import Sampling
from codata.verify.verify import Verification, verify

ROWS = 240

STEPS = [
    {"text.normalize": {"column": "text", "unicode": "NFC", "strip": True}},
    {"text.length_filter": {"column": "text", "min": 100}},
]


@dataclass(frozen=True)
class Made:
    """A home, the file and dataset in it, and a run of `STEPS` over the dataset."""

    path: Path
    source: Path
    dataset: CID
    import_run: CID
    job: Job
    run: CID
    output: CID

    def home(self) -> Home:
        """The home, opened."""
        return Home(self.path)


def text_rows(count: int = ROWS, start: int = 0) -> pa.Table:
    """Rows of some 300 bytes, the same ones each time; one in eight is short."""
    ids = range(start, start + count)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]

    def text(i: int) -> str:
        body = " ".join(words[(i * 7 + k * k) % 8] for k in range(2 if i % 8 == 3 else 45))
        return f" {i} {body} caf\u0065\u0301 "

    return pa.table({"id": pa.array(ids, pa.int64()), "text": pa.array([text(i) for i in ids])})


def make_run(path: Path, table: pa.Table | None = None, steps: Sequence[Any] = tuple(STEPS)) -> Made:
    """A new home with a run in it."""
    source = path.parent / f"{path.name}.parquet"
    pq.write_table(table if table is not None else text_rows(), source)
    with Home(path) as home:
        added = add_file(home, source)
        job = job_of(home, steps)
        done = do(home, job, {"data": added.dataset})
    return Made(path, source, added.dataset, added.run, job, done.run, done.outputs["output"])


def add_file(home: Home, *files: Path, **options: Any) -> Added:
    """Import files in this process."""
    with Embedded(1) as here:
        return add(home, [str(file) for file in files], here, **options)


def job_of(home: Home, steps: Sequence[Any]) -> Job:
    """A job of these steps, over one input."""
    return jobs.build({"codata": "job/1", "steps": list(steps)}, jobs.artifacts(home.store, Path()))


def do(home: Home, job: Job, inputs: Mapping[str, CID]) -> RunResult:
    """Run in this process."""
    with Embedded(1) as here:
        return run(home, job, inputs, here)


def check(home: Home, cid: CID, sampling: Sampling | None = None) -> Verification:
    """Verify in this process; every task, if nothing else is said."""
    with Embedded(1) as here:
        return verify(home, cid, sampling or Sampling(full=True), here)


# -- lies ----------------------------------------------------------------------------------------


def resign(home: Home, record: Run) -> CID:
    """A coordinator's signature under a changed run."""
    return replace(record, signature=home.identity.sign(CONTEXT, record.claim())).save(home.store)


def with_rows(home: Home, cid: CID, change: Callable[[list[RunRow]], list[RunRow]]) -> CID:
    """The run with other rows, properly signed."""
    record = Run.load(home.store, cid)
    rows = change(list(record.entries(home.store)))
    root = pages.put(home.store, (row.to_value() for row in rows))
    return resign(home, replace(record, rows=root, count=len(rows)))


def sealed_row(home: Home, receipt: Receipt) -> RunRow:
    """A row of a run for a receipt that says what it likes, properly sealed by the home's key."""
    cid = receipt.save(home.store)
    seals.make(home, [cid])
    sealed = home.ledger.sealed(cid)
    assert sealed is not None
    return RunRow(receipt.task, cid, sealed.seal, sealed.index, sealed.proof)


def lying(name: str, lie: Callable[..., Any]) -> AbstractContextManager[None]:
    """While open, operation `name` runs as `lie(run, context, params, inputs)`."""
    return _Lie(name, lie)


class _Lie(AbstractContextManager[None]):
    def __init__(self, name: str, lie: Callable[..., Any]) -> None:
        honest = ops.find(name, 1)
        self._patch = pytest.MonkeyPatch()
        self._key = name, 1
        self._false = replace(honest, run=lambda *args: lie(honest.run, *args))

    def __enter__(self) -> None:
        self._patch.setitem(ops._OPERATIONS, self._key, self._false)

    def __exit__(self, *exc: object) -> None:
        self._patch.undo()


class Dropping:
    """A context whose tables lack one row when they are kept: an executor that loses data."""

    def __init__(self, honest: ops.Context, row: int = 0) -> None:
        self._honest, self._row = honest, row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._honest, name)

    def put_table(self, table: pa.Table) -> Any:
        kept = pa.concat_tables([table.slice(0, self._row), table.slice(self._row + 1)])
        return self._honest.put_table(kept)


def drop_a_row(run: Callable[..., Any], context: ops.Context, params: Any, inputs: Any) -> Any:
    """A lie for `lying`: the second row of every table is lost."""
    return run(Dropping(context, 1), params, inputs)
