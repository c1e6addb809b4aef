"""A job of row steps over shards beside the same Polars code in a plain loop over the same files.

Both write their rows; the loop has as many processes as codata has workers, and neither proves nor names
anything. Then the parts of codata's time, from one run in this process with one worker.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs, jobs
from benchmarks.pairs import (
    Cost,
    codata,
    compare,
    copied,
    fresh,
    options,
    python,
    size_text,
    table,
    workplace,
)

PARTS = {
    # Part: the functions (end of the file's path, name) whose cumulative time it is. None calls another.
    "the steps themselves": [
        ("text_normalize.py", "apply"),
        ("expressions.py", "judge"),
        ("text_length.py", "judge"),
        ("keys.py", "digests"),
        ("keys.py", "encode_rows"),
    ],
    "read inputs: map, prove by hash": [("execute/context.py", "_view")],
    "read inputs: decode, validate": [("table/shard.py", "decode_table"), ("table/shard.py", "decode_batch")],
    "canonical form": [("table/canonical.py", "canonical_table")],
    "candidate cuts": [("table/cutter.py", "candidates")],
    "encode": [("table/shard.py", "encode_table"), ("table/shard.py", "encode_batches")],
    "write outputs: hash, store, index": [("local/store.py", "put_file")],
    "provenance: logical hash": [("table/logical.py", "logical_hash")],
    "provenance: records": [("records/base.py", "save"), ("records/base.py", "load")],
    "provenance: index of receipts": [("codata/ledger.py", "record"), ("codata/ledger.py", "seal")],
    "provenance: seals": [("codata/merkle.py", "tree"), ("codata/identity.py", "sign")],
    "provenance: the run's pages, pin": [("records/pages.py", "put"), ("local/store.py", "pin")],
    "make durable (fsync)": [("local/store.py", "persist")],
}


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--workers", type=int, default=2, help="processes of both; default 2")
    parser.add_argument("--dedup", action="store_true", help="end the job with dedup.exact")
    parser.add_argument("--no-parts", action="store_true", help="leave the second table out")
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        job = jobs.write(folder, jobs.DEDUP if args.dedup else jobs.ROWS)
        home = jobs.home_with(inputs.jsonl_folder(folder / "source", args.size), folder / "home")
        shards = jobs.shard_files(home, folder / "shards")
        print(f"{shards} shards from {size_text(args.size)} of JSON lines, {args.workers} workers")
        options_ = ["dedup"] if args.dedup else []
        compare(
            {
                "Polars loop": partial(loop, folder, args.workers, options_),
                "codata run": partial(run, home, folder / "copy", job, args.workers),
            },
            "Polars loop",
            args.rounds,
            args.warm,
        )
        if not args.no_parts:
            print("\nwhere the time goes, one worker in this process")
            parts(copied(home, folder / "copy"), job)


def run(home: Path, copy: Path, job: Path, workers: int) -> Cost:
    """The job in a copy of the home, where it has never run."""
    return codata("run", job, "rows", "--workers", str(workers), home=copied(home, copy))


def loop(folder: Path, workers: int, more: Sequence[str]) -> Cost:
    """The peer's loop into an empty folder."""
    return python("benchmarks.peers", "job", folder / "shards", fresh(folder / "out"), str(workers), *more)


def parts(home: Path, job: Path) -> None:
    """Print where the time of a run goes."""
    from codata.execute.executors import Embedded
    from codata.execute.run import run as start
    from codata.home import Home
    from codata.jobs import load

    profile = cProfile.Profile()
    with Home(home) as opened, Embedded(1) as executor:
        loaded, dataset = load(str(job), opened.store), opened.resolve("rows")
        profile.enable()
        done = start(opened, loaded, {loaded.inputs[0]: dataset}, executor)
        profile.disable()
    rows = shares(profile, done.seconds)
    table(("part", "s", "%"), [(name, f"{s:.2f}", f"{100 * s / done.seconds:.1f}") for name, s in rows])


def shares(profile: cProfile.Profile, whole: float) -> list[tuple[str, float]]:
    """Seconds of each of `PARTS`, the rest, and the whole."""
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found = []
    for part, functions in PARTS.items():
        seconds = sum(
            spent[3]
            for (file, _, name), spent in stats.items()
            if any(file.endswith(end) and name == wanted for end, wanted in functions)
        )
        found.append((part, seconds))
    rest = whole - sum(seconds for _, seconds in found)
    return [*found, ("the rest: planning, imports, SQLite", rest), ("all", whole)]
