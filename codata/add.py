"""`codata add`: files to a dataset, with a run that says how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CidStoreError
from cid_store.store import BATCH_BLOCKS, Store
from codata.execute.executors import Executor
from codata.execute.progress import Progress, Quiet
from codata.execute.run import run
from codata.files import growth, stored_bytes
from codata.home import Home
from codata.ingest.discover import discover
from codata.ingest.schema_file import load as load_schema
from codata.jobs import import_job
from codata.records.manifest import Manifest
from codata.records.source import Source, SourceFile
from codata.table.types import schema_to_value

SMALL: Final = 64 * 1024
"""Bytes. Files up to this are kept as single blocks, many in one write."""


@dataclass(frozen=True)
class Added:
    """A dataset, its size, how many bytes the store grew by (None where it can't tell), and its run."""

    dataset: CID
    rows: int
    shards: int
    bytes: int
    new_bytes: int | None
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
) -> Added:
    """Import files as one dataset. Raises errors that name the file and line; the store then holds nothing
    new that `gc` would not remove."""
    params = dict(options or {})
    if schema is not None:
        params["declared"] = schema_to_value(load_schema(schema))
    files = discover(list(paths), format_)
    store = home.store
    before = stored_bytes(store)
    progress = progress or Quiet()
    progress.stage("keep source files", len(files), 0)
    roots = _put_files(store, [file.path for file in files], progress)
    kept = [SourceFile(f.relative, root, f.size) for f, root in zip(files, roots, strict=True)]
    source = Source.make(store, kept).save(store)
    job = import_job(files[0].format, params)
    try:
        result = run(home, job, {"source": source}, executor, progress)
    except CidStoreError as e:
        raise _named(e, kept) from e
    dataset = result.outputs["dataset"]
    record = Manifest.load(store, dataset)
    return Added(dataset, record.rows, record.count, record.size, growth(before, store), result.run)


def _put_files(store: Store, paths: Sequence[Path], progress: Progress) -> Iterator[CID]:
    """Keep files; small ones many at a time, each of which is one raw block."""
    batch: list[Block] = []
    for path in paths:
        progress.advance()
        if path.stat().st_size > SMALL:
            yield store.put_file(path)
            continue
        data = path.read_bytes()
        if len(data) > SMALL:  # it has grown meanwhile
            yield store.put_file(data)
            continue
        batch.append(Block.of(data))
        yield batch[-1].cid
        if len(batch) == BATCH_BLOCKS:
            store.put_many(batch)
            batch = []
    store.put_many(batch)


def _named(error: CidStoreError, files: Sequence[SourceFile]) -> CidStoreError:
    """The same error about paths: tasks know files by their CIDs alone."""
    message = error.message
    for file in files:
        if file.cid in message:
            message = message.replace(file.cid, file.path)
    return type(error)(message, cid=error.cid, next_step=error.next_step)
