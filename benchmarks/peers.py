"""What people would run without codata: Polars in plain processes. `python -m benchmarks.peers NAME …`

import FILE OUT                     JSON lines to one Arrow IPC file
job FOLDER OUT PROCESSES [dedup]    the rows of `run`'s job, file by file
steps FOLDER OUT PROCESSES JOB      codata's own row steps of a job, file by file
read FILE                           a file's bytes, read and dropped
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial
from pathlib import Path

LEAST, MOST = 20, 2000
SCORE = 0.1

_CHUNK = 1 << 20


def import_jsonl(source: str, target: str) -> None:
    """Read JSON lines and write one uncompressed Arrow IPC file."""
    import polars as pl

    pl.read_ndjson(source).write_ipc(target)


def clean(path: Path, target: Path) -> None:
    """The job's row steps on one file: normalise, filter, filter by length."""
    import polars as pl

    text = pl.col("text")
    one_newline = text.str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
    frame = pl.read_ipc(path).with_columns(one_newline.str.normalize("NFC"))
    frame = frame.filter((pl.col("score") > SCORE) & text.str.len_chars().is_between(LEAST, MOST))
    frame.write_ipc(target / path.name)


def job(folder: Path, target: Path, processes: int, dedup: bool) -> None:
    """The job over every file, with as many processes as codata has workers."""
    target.mkdir()
    os.environ["POLARS_MAX_THREADS"] = str(max(1, (os.cpu_count() or 1) // processes))
    paths = sorted(folder.glob("*.arrow"))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(partial(clean, target=target), paths, chunksize=1)
        pool.close()
        pool.join()
    if dedup:
        import polars as pl

        whole = pl.concat([pl.read_ipc(target / p.name) for p in paths])
        whole.unique("text", keep="first", maintain_order=True).write_ipc(target / "unique.arrow")


def steps(folder: Path, target: Path, processes: int, job_file: str) -> None:
    """A job's row steps over every file, with nothing proven, named or kept."""
    target.mkdir()
    paths = sorted(folder.glob("*.arrow"))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(partial(stepped, job_file=job_file, target=target), paths, chunksize=1)
        pool.close()
        pool.join()


def stepped(path: Path, job_file: str, target: Path) -> None:
    """The row steps of a job on one file."""
    import pyarrow as pa

    from cid_store.stores.memory import MemoryStore
    from codata.execute.context import StoreContext
    from codata.jobs import load
    from codata.plan.plan import resolve
    from codata.steps import RowStep

    store = MemoryStore()
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    for written in load(job_file, store).steps:
        step, params = resolve(written)
        assert isinstance(step, RowStep)
        table = step.apply(params, table, StoreContext(store))
    with pa.ipc.new_file(target / path.name, table.schema) as sink:
        sink.write_table(table)


def read(path: str) -> None:
    """Read a file through one buffer."""
    buffer = bytearray(_CHUNK)
    with open(path, "rb", buffering=0) as source:
        while source.readinto(buffer):
            pass


def main(name: str, *arguments: str) -> None:
    """Run one of them."""
    if name == "import":
        import_jsonl(*arguments)
    elif name == "job":
        job(Path(arguments[0]), Path(arguments[1]), int(arguments[2]), "dedup" in arguments[3:])
    elif name == "steps":
        steps(Path(arguments[0]), Path(arguments[1]), int(arguments[2]), arguments[3])
    elif name == "read":
        read(*arguments)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
