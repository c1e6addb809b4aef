"""Comparing by turns: A B A B … on one input, after a warm-up round, as medians and ratios.

Machines are shared and their clocks vary: two things measured minutes apart can't be compared, two that take
turns can. Commands are measured as whole processes with their descendants.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

_SIZE = re.compile(r"(\d+)\s*(|KiB|MiB|GiB)\Z")


# Where byte code isn't kept, every process compiles its libraries anew: no user's machine does that.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time and of CPU (user and system), and the peak RSS in bytes of the largest process.

    A peak of 0 is one that is not known.
    """

    wall: float
    cpu: float
    rss: int = 0


Contender = Callable[[], Cost]
"""Does the work once. What it prepares before is not in its cost."""


def command(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Cost:
    """The cost of one process and of every descendant that it waited for; raises `RuntimeError`.

    A new process inherits the peak of the one that made it, so that a peak below our own can't be seen.
    """
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(a) for a in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=cwd,
            env={**_ENVIRONMENT, **(env or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            last = said.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {last}")
    seen = used.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * KIB if seen else 0)


def call(work: Callable[[], object]) -> Cost:
    """The cost of a call in this process."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - start, time.process_time() - cpu)


def codata(*arguments: str | Path, home: Path | None = None) -> Cost:
    """The cost of one `codata` command."""
    return command(*codata_command(*arguments, home=home))


def codata_command(*arguments: str | Path, home: Path | None = None) -> list[str]:
    """The `codata` of this Python's environment with its arguments."""
    program = Path(sys.executable).with_name("codata")
    return [str(program), *map(str, arguments), *(["--home", str(home)] if home else [])]


def python(module: str, *arguments: str | Path) -> Cost:
    """The cost of a module run by a Python like this one."""
    root = str(Path(__file__).resolve().parent.parent)
    return command(sys.executable, "-m", module, *arguments, env={"PYTHONPATH": root})


def alternate(contenders: Mapping[str, Contender], rounds: int, warm: int) -> dict[str, list[Cost]]:
    """What each contender cost in each round."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(warm + rounds):
        for name, contender in contenders.items():
            cost = contender()
            if number >= warm:
                costs[name].append(cost)
    return costs


def compare(contenders: Mapping[str, Contender], base: str, rounds: int, warm: int) -> None:
    """Measure by turns and print a table; the ratio is of wall times, the median over rounds."""
    costs = alternate(contenders, rounds, warm)
    rows = []
    for name, taken in costs.items():
        rows.append(
            (
                name,
                f"{statistics.median(c.wall for c in taken):.2f}",
                f"{statistics.median(c.cpu for c in taken):.2f}",
                f"{max(c.rss for c in taken) / MIB:.0f}" if any(c.rss for c in taken) else "",
                f"{ratio(taken, costs[base]):.2f}",
            )
        )
    table(("", "wall s", "CPU s", "peak MiB", f"÷ {base}"), rows)


def ratio(taken: Sequence[Cost], base: Sequence[Cost]) -> float:
    """The median over rounds of one wall time to the other."""
    return statistics.median(a.wall / b.wall for a, b in zip(taken, base, strict=True))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def options(about: str | None, size: str = "64MiB", rounds: int = 3) -> argparse.ArgumentParser:
    """The options that benchmarks share."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size_of, default=size_of(size), help=f"of the input; default {size}")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"counted rounds; default {rounds}")
    parser.add_argument("--warm", type=int, default=1, help="rounds before, not counted; default 1")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    return parser


def size_of(text: str) -> int:
    """Bytes from `512MiB` and the like; raises `ArgumentTypeError`."""
    match = _SIZE.match(text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 512MiB")
    return int(match[1]) * {"": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}[match[2]]


def size_text(size: int) -> str:
    """Bytes for a person."""
    return f"{size / MIB:.0f} MiB" if size < GIB else f"{size / GIB:.2f} GiB"


@contextmanager
def workplace(parent: Path | None) -> Iterator[Path]:
    """A fresh folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="codata-bench-", dir=parent) as folder:
        yield Path(folder)


def fresh(path: Path) -> Path:
    """The path, with nothing there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder in place of what was at `target`, on the disk: no later fsync pays for it."""
    shutil.copytree(source, fresh(target), symlinks=True)
    os.sync()
    return target
