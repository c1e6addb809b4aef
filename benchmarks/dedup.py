"""Near-duplicates among many short rows: seconds, memory of each process and disk as rows grow.

Texts of 24 words, of which a share repeats an earlier one, half of these with another last word. With some
millions of rows edges are too many for one task, and meet in rounds through partitions.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.memory import EVERY
from benchmarks.pairs import GIB, MIB, codata, codata_command, options, table, workplace

JOB = """codata: job/1
steps:
  - dedup.minhash: {column: text, words: whitespace}
"""

WORDS = 24  # of a text
VOCABULARY = ["".join(word) for word in product("abcdefghijklmnop", repeat=4)]  # digits are not compared
BLOCK = 1 << 18  # rows that are made at once
DISK_EVERY = 2.0  # seconds from one look at the disk to the next

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took: wall and CPU seconds, and peaks in bytes.

    `root`: memory of its own process alone. `worker`: of the one descendant that had most. `disk`: of its
    home.
    """

    wall: float
    cpu: float
    root: int
    worker: int
    disk: int


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 500_000], help="of the inputs")
    parser.add_argument("--repeat", type=float, default=0.3, help="share that repeat another; default 0.3")
    parser.add_argument("--workers", type=int, default=2, help="worker processes; default 2")
    args = parser.parse_args(arguments)
    print("peak MiB of memory is what belongs to one process alone; disk is the home's, in GiB")
    head = ("rows", "MiB of text", "wall s", "CPU s", "larger worker", "first process", "disk")
    table(head, (line(args.folder, count, args.repeat, args.workers) for count in args.rows))


def line(parent: Path | None, rows: int, repeat: float, workers: int) -> Sequence[str]:
    """Of the table: so many rows in a home of their own."""
    with workplace(parent) as folder:
        size, taken = measure(folder, rows, repeat, workers)
    peaks = (f"{peak / MIB:.0f}" for peak in (taken.worker, taken.root))
    return (
        f"{rows:,}",
        f"{size / MIB:.0f}",
        f"{taken.wall:.0f}",
        f"{taken.cpu:.0f}",
        *peaks,
        f"{taken.disk / GIB:.1f}",
    )


def measure(folder: Path, rows: int, repeat: float, workers: int) -> tuple[int, Taken]:
    """Bytes of text, and what `dedup.minhash` took for them in a home of its own."""
    source, home, job = folder / "rows.parquet", folder / "home", folder / "job.yaml"
    size = write(source, rows, repeat)
    codata("add", source, "--name", "rows", "--workers", str(workers), home=home)
    codata("gc", home=home)  # the tables on the way to shards
    source.unlink()
    job.write_text(JOB, encoding="utf-8")
    return size, watched(codata_command("run", job, "rows", "--workers", str(workers), home=home), home)


def write(path: Path, rows: int, repeat: float) -> int:
    """A Parquet file of `id` and `text`; returns the bytes of all texts."""
    columns: dict[str, pa.DataType] = {"id": pa.int64(), "text": pa.string()}
    schema, size = pa.schema(columns), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for first in range(0, rows, BLOCK):
            numbers = np.arange(first, min(rows, first + BLOCK), dtype=np.uint64)
            found = pa.array([" ".join(text) for text in texts(numbers, repeat)], pa.string())
            size += found.nbytes
            out.write_table(pa.table([pa.array(numbers.astype(np.int64)), found], schema=schema))
    return size


def texts(numbers: Numbers, repeat: float) -> Iterator[list[str]]:
    """The words of the rows of these numbers, of which the share `repeat` is about those of an earlier row.

    A row depends on its number alone.
    """
    own, root = numbers, numbers
    while (repeats := _repeats(root, repeat)).any():
        root = np.where(repeats, _mixed(root, 1) % np.maximum(root, np.uint64(1)), root)
    places = np.arange(WORDS, dtype=np.uint64)
    drawn = _mixed(root[:, None] * np.uint64(WORDS) + places, 2)
    changed = (own != root) & (_mixed(own, 3) % np.uint64(2) == 0)
    drawn[:, -1] = np.where(changed, _mixed(own, 4), drawn[:, -1])
    for row in (drawn % np.uint64(len(VOCABULARY))).tolist():
        yield [VOCABULARY[word] for word in row]


def _repeats(numbers: Numbers, share: float) -> NDArray[np.bool_]:
    """Which rows repeat an earlier one."""
    found: NDArray[np.bool_] = (_mixed(numbers, 0) % np.uint64(1000) < 1000 * share) & (numbers > 0)
    return found


def _mixed(numbers: Numbers, seed: int) -> Numbers:
    """SplitMix64's mixing (Steele, Lea, Flood 2014) of each number, another for each seed."""
    z = (numbers + np.uint64(1)) * _GOLDEN + np.uint64(seed << 40)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def watched(command: Sequence[str], home: Path) -> Taken:
    """Run a command and look at its processes and at its home; raises `CalledProcessError` if it fails."""
    start = looked = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    root = worker = disk = 0
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        alone, largest = memory(process.pid)
        root, worker = max(root, alone), max(worker, largest)
        if time.perf_counter() - looked > DISK_EVERY:
            disk, looked = max(disk, on_disk(home)), time.perf_counter()
        time.sleep(EVERY)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Taken(wall, used.ru_utime + used.ru_stime, root, worker, max(disk, on_disk(home)))


def memory(pid: int) -> tuple[int, int]:
    """Bytes of a process alone, and of the one of its descendants that has most."""
    try:
        first, *others = [process.memory_info() for process in _family(pid)]
    except psutil.NoSuchProcess:
        return 0, 0  # one ended between two looks: the next look sees the others
    return first.rss - first.shared, max((info.rss - info.shared for info in others), default=0)


def _family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def on_disk(folder: Path) -> int:
    """Bytes that the files in a folder take."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                continue  # a temporary file that has its real name by now
    return size
