"""Peak memory of `codata add` and `codata run` with their workers, on one input and on a larger one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks import inputs, jobs
from benchmarks.pairs import MIB, codata_command, options, size_text, table, workplace

EVERY = 0.02  # seconds from one look to the next


@dataclass(frozen=True, slots=True)
class Peak:
    """Most bytes at one moment, over a process and its descendants.

    `own`: what belongs to them alone. `mapped`: resident pages of files, which the system takes back at will;
    a page that two processes map counts twice.
    """

    own: int
    mapped: int


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--times", type=int, default=5, help="how much larger the larger input is; default 5")
    parser.add_argument("--workers", type=int, default=2, help="worker processes; default 2")
    args = parser.parse_args(arguments)
    sizes = (args.size, args.times * args.size)
    with workplace(args.folder) as folder:
        found = [measure(folder / str(n), size, args.workers) for n, size in enumerate(sizes)]
        rows = []
        for name in found[0]:
            small, large = found[0][name], found[1][name]
            cells = [f"{peak.own / MIB:.0f} + {peak.mapped / MIB:.0f}" for peak in (small, large)]
            rows.append((name, *cells, f"{large.own / small.own:.2f}"))
        print("peak MiB, own + mapped files")
        table(("", *map(size_text, sizes), "ratio of own"), rows)


def measure(folder: Path, size: int, workers: int) -> dict[str, Peak]:
    """The peaks of each command on an input of `size` bytes."""
    folder.mkdir()
    source = inputs.jsonl(folder / "rows.jsonl", size)
    home, count = folder / "home", ("--workers", str(workers))
    job, dedup = folder / "job.yaml", folder / "dedup.yaml"
    job.write_text(jobs.ROWS, encoding="utf-8")
    dedup.write_text(jobs.DEDUP, encoding="utf-8")
    return {
        "add": watched(codata_command("add", source, "--name", "rows", *count, home=home)),
        "run": watched(codata_command("run", job, "rows", *count, home=home)),
        "run with dedup.exact": watched(codata_command("run", dedup, "rows", *count, home=home)),
    }


def watched(command: Sequence[str]) -> Peak:
    """Run a command and look at its memory; raises `CalledProcessError` if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    own = mapped = 0
    while process.poll() is None:
        found = memory(process.pid)
        own, mapped = max(own, found.own), max(mapped, found.mapped)
        time.sleep(EVERY)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Peak(own, mapped)


def memory(pid: int) -> Peak:
    """What a process and its descendants hold now."""
    own = mapped = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            info = process.memory_info()
            own, mapped = own + info.rss - info.shared, mapped + info.shared
    except psutil.NoSuchProcess:
        pass  # one ended between two looks: the next look sees the others
    return Peak(own, mapped)
