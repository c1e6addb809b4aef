"""What is done again when nothing, or a hundredth, is new: `codata add` and `codata run`, first and again.

The source is a folder of files of 32 MiB. Again on the same; then with one percent more rows in a file of
their own; then with one percent more rows at the end of the last file.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks import inputs, jobs
from benchmarks.pairs import codata, copied, options, size_text, table, workplace


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    args = options(__doc__).parse_args(arguments)
    with workplace(args.folder) as folder:
        source = inputs.jsonl_folder(folder / "source", args.size)
        job = jobs.write(folder, jobs.ROWS)
        home = folder / "home"
        first = both(source, job, home)
        print(f"{size_text(args.size)} of JSON lines; first: add {first[0]:.2f} s, run {first[1]:.2f} s")
        kept = copied(home, folder / "kept")
        rows = [("nothing new", *again(source, job, kept, home, first, args.rounds))]
        new_file(source, args.size // 100)
        rows.append(("1% in a new file", *again(source, job, kept, home, first, args.rounds)))
        longer(source, args.size // 100)
        rows.append(("1% more in the last file", *again(source, job, kept, home, first, args.rounds)))
        table(("again", "add s", "÷ first", "run s", "÷ first"), rows)


def both(source: Path, job: Path, home: Path) -> tuple[float, float]:
    """Seconds of `add` and of `run`."""
    added = codata("add", source, "--name", "rows", home=home)
    return added.wall, codata("run", job, "rows", home=home).wall


def again(
    source: Path, job: Path, kept: Path, home: Path, first: tuple[float, float], rounds: int
) -> tuple[str, ...]:
    """Median seconds of both in copies of a home that has done the first, and their parts of the first."""
    taken = [both(source, job, copied(kept, home)) for _ in range(rounds)]
    cells = []
    for seconds, whole in zip((statistics.median(t) for t in zip(*taken, strict=True)), first, strict=True):
        cells += [f"{seconds:.2f}", f"{100 * seconds / whole:.1f}%"]
    return tuple(cells)


def new_file(source: Path, size: int) -> None:
    """Rows in a file that sorts last."""
    inputs.jsonl(source / "99999.jsonl", size, seed=1 << 20)


def longer(source: Path, size: int) -> None:
    """Rows at the end of the last of the first files, in place of the new file."""
    (source / "99999.jsonl").unlink()
    with sorted(source.glob("*.jsonl"))[-1].open("ab") as out:
        out.writelines(inputs.rows(size, seed=1 << 20))
