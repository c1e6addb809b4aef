"""Out of codata: a dataset as Parquet, Arrow, JSONL or CSV files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cid_store.errors import UsageError
from codata.dataset import Dataset
from codata.fresh import fresh

Write = Callable[[pa.Table], None]


@dataclass(frozen=True)
class Exported:
    """What was written."""

    rows: int
    bytes: int
    path: str


def export(dataset: Dataset, dest: Path, format_: str | None = None, *, force: bool = False) -> Exported:
    """Write all rows to one file, shard by shard; the format is `dest`'s suffix where none is given.

    Raises `UsageError` where the file is there already and for types that the format can't hold.
    """
    name = format_ or _SUFFIXES.get(dest.suffix.lower(), "")
    if name not in _WRITERS:
        raise UsageError(
            f"can't tell a format for {dest}", next_step=f"give --format {'|'.join(sorted(_WRITERS))}"
        )
    if dest.exists() and not force:
        raise UsageError(
            f"{dest} is there already", next_step="choose another path, or --force to replace it"
        )
    rows = 0
    try:
        with fresh(dest) as f, _WRITERS[name](f, dataset.schema) as write:
            for table in dataset.tables():
                write(table)
                rows += table.num_rows
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, OverflowError) as e:
        raise UsageError(
            f"{name} can't hold this dataset: {e}",
            next_step="choose parquet, or drop columns with the step `select`",
        ) from None
    return Exported(rows, dest.stat().st_size, str(dest))


@contextmanager
def _parquet(f: BufferedWriter, schema: pa.Schema) -> Iterator[Write]:
    with pyarrow.parquet.ParquetWriter(f, schema, compression="zstd") as writer:
        yield writer.write_table


@contextmanager
def _arrow(f: BufferedWriter, schema: pa.Schema) -> Iterator[Write]:
    with pa.ipc.new_file(f, schema) as writer:
        yield writer.write_table


@contextmanager
def _csv(f: BufferedWriter, schema: pa.Schema) -> Iterator[Write]:
    with pyarrow.csv.CSVWriter(f, schema) as writer:

        def write(table: pa.Table) -> None:
            if table.num_columns == 1 and table.column(0).null_count:
                raise UsageError(
                    "csv can't hold a null in an only column: readers skip the empty line",
                    next_step="choose parquet, arrow or jsonl",
                )
            writer.write_table(table)

        yield write


@contextmanager
def _jsonl(f: BufferedWriter, schema: pa.Schema) -> Iterator[Write]:
    def write(table: pa.Table) -> None:
        for batch in table.to_batches(max_chunksize=4096):
            lines = (json.dumps(row, ensure_ascii=False, default=_json) for row in batch.to_pylist())
            f.write("".join(line + "\n" for line in lines).encode())

    yield write


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode("ascii")
    return str(value)


_WRITERS: Final[dict[str, Callable[[BufferedWriter, pa.Schema], AbstractContextManager[Write]]]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _csv,
    "jsonl": _jsonl,
}
_SUFFIXES: Final = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
