"""`codata add`: files to a dataset, with a run that says how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.executors import Executor
from codata.execute.run import run
from codata.execute.stages import Progress
from codata.home import Home
from codata.ingest.discover import InputFile, discover
from codata.ingest.schema_file import load as load_schema
from codata.jobs import import_job
from codata.records.manifest import Manifest
from codata.records.source import Source, SourceFile
from codata.table.types import schema_to_value


@dataclass(frozen=True)
class Added:
    """A dataset, its size, how many bytes the store grew by, and the run that made it."""

    dataset: CID
    rows: int
    shards: int
    bytes: int
    new_bytes: int
    run: CID


def add(
    home: Home,
    paths: Sequence[str],
    executor: Executor,
    *,
    format_: str = "auto",
    schema: Path | None = None,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    on_file: Callable[[InputFile], None] = lambda file: None,
) -> Added:
    """Import files as one dataset. Raises errors that name the file and line; the store then holds nothing new that
    `gc` would not remove."""
    params = dict(options or {})
    if schema is not None:
        params["declared"] = schema_to_value(load_schema(schema))
    files = discover(list(paths), format_)
    store = home.store
    before = store.stats().bytes
    kept: list[SourceFile] = []
    for file in files:
        on_file(file)
        kept.append(SourceFile(file.relative, store.put_file(file.path), file.size))
    source = Source.make(store, kept).save(store)
    job = import_job(files[0].format, params)
    try:
        result = run(home, job, {"source": source}, executor, progress)
    except CidStoreError as e:
        raise _named(e, kept) from e
    dataset = result.outputs["dataset"]
    record = Manifest.load(store, dataset)
    return Added(
        dataset, record.rows, record.count, record.size, max(0, store.stats().bytes - before), result.run
    )


def _named(error: CidStoreError, files: Sequence[SourceFile]) -> CidStoreError:
    """The same error about paths: tasks know files by their CIDs alone."""
    message = error.message
    for file in files:
        if file.cid in message:
            message = message.replace(file.cid, file.path)
    return type(error)(message, cid=error.cid, next_step=error.next_step)
