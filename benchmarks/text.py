"""Text preprocessing beside datatrove: the same documents, the same rules, as many processes each.

Each step is one command of each: `codata run` on rows that were added, datatrove on the same rows as JSON
lines. What stays is compared document by document, with its text but for addresses, of which datatrove's
replacements depend on the order. `loop` is codata's own steps over the same shards in plain
processes, which prove and name nothing: the price of provenance. Needs datatrove and the extra `text`.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import corpus, jobs
from benchmarks.pairs import (
    MIB,
    Contender,
    Cost,
    alternate,
    codata,
    copied,
    fresh,
    options,
    python,
    ratio,
    table,
    workplace,
)
from codata.dataset import Dataset
from codata.home import Home

STEPS = {
    "gopher-c4": ("text.gopher_quality: {column: text}", "text.c4: {column: text}"),
    "repetition": ("text.gopher_repetition: {column: text}",),
    "fineweb": ("text.fineweb: {column: text}",),
    "exact": ("dedup.exact: {on: [text]}",),
    "minhash": ("dedup.minhash: {column: text}",),
    "fineweb-like": (
        "text.gopher_repetition: {column: text}",
        "text.gopher_quality: {column: text}",
        "text.c4: {column: text, filter_no_terminal_punct: false}",
        "text.fineweb: {column: text}",
        "dedup.minhash: {column: text}",
        "text.pii: {column: text}",
    ),
}
"""By the name that `datatrove_peer` has for the same."""

LOOP = ("gopher-c4", "repetition", "fineweb")
"""Those of row-wise steps alone, which a plain loop can do."""

HEAD = ("step", "", "wall s", "CPU s", "peak MiB", "wall ÷ codata", "documents kept", "same documents")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__, size="40MiB", rounds=1)
    parser.set_defaults(warm=0)
    parser.add_argument("--html", type=Path, help="HTML to take instead of Debian's documentation")
    parser.add_argument("--cache", type=Path, default=Path(".cache/corpus"), help="where the texts are kept")
    parser.add_argument("--workers", type=int, default=2, help="processes of each; default 2")
    parser.add_argument("--step", choices=STEPS, action="append", help="only this; may be repeated")
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        ready = corpus.documents(args.html or corpus.html(args.cache, args.size), args.cache, args.size)
        jobs.shard_files(ready.home, folder / "shards", "documents")
        documents, size = len(kept_by_codata(ready.home, "documents", ["id"])), corpus.text_size(ready.lines)
        print(f"{documents} documents, {size:.0f} MiB as JSON lines, {args.workers} workers\n")
        table(HEAD, (row for name in args.step or STEPS for row in measured(name, ready, folder, args)))


def measured(name: str, ready: corpus.Documents, folder: Path, args: Namespace) -> Sequence[Sequence[object]]:
    """One step by each contender, by turns; the rows of the table."""
    copy, out = folder / "copy", folder / "out"
    steps = "".join(f"  - {step}\n" for step in STEPS[name])
    job = jobs.write(folder, f"codata: job/1\nsteps:\n{steps}")
    # Kernels are compiled on first use on a machine, once: that is not in the cost of a run.
    codata("run", job, "documents", "--limit", "100", home=copied(ready.home, copy))
    contenders: dict[str, Contender] = {
        "codata": partial(run, ready.home, copy, job, args.workers),
        "datatrove": partial(peer, name, ready.lines, out, args.workers),
    }
    if name in LOOP:
        contenders["loop"] = partial(loop, folder, job, args.workers)
    costs = alternate(contenders, args.rounds, args.warm)
    columns = ("id",) if "text.pii" in steps else ("id", "text")
    ours, theirs = set(kept_by_codata(copy, "kept", columns)), set(kept_by_peer(out, columns))
    kept = {"codata": len(ours), "datatrove": len(theirs)}
    agree = {"datatrove": "yes" if ours == theirs else f"{len(ours ^ theirs)} are not"}
    return [
        (
            name,
            who,
            f"{median(c.wall for c in taken):.1f}",
            f"{median(c.cpu for c in taken):.1f}",
            f"{max(c.rss for c in taken) / MIB:.0f}",
            f"{ratio(taken, costs['codata']):.2f}",
            kept.get(who, ""),
            agree.get(who, ""),
        )
        for who, taken in costs.items()
    ]


def run(home: Path, copy: Path, job: Path, workers: int) -> Cost:
    """The job in a copy of the home, where it has never run."""
    copied(home, copy)
    return codata("run", job, "documents", "--name", "kept", "--workers", str(workers), home=copy)


def peer(name: str, lines: Path, out: Path, workers: int) -> Cost:
    """The same by datatrove, into an empty folder."""
    return python("benchmarks.datatrove_peer", name, lines, fresh(out), str(workers))


def loop(folder: Path, job: Path, workers: int) -> Cost:
    """The same steps over the same shards, in plain processes."""
    return python("benchmarks.peers", "steps", folder / "shards", fresh(folder / "loop"), str(workers), job)


def kept_by_codata(home: Path, name: str, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Some columns of a dataset's rows."""
    with Home(home) as opened:
        dataset = Dataset(opened.store, opened.resolve(name))
        taken = (table.select(columns).to_pylist() for table in dataset.tables())
        return [tuple(str(row[c]) for c in columns) for rows in taken for row in rows]


def kept_by_peer(out: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The same of what datatrove wrote at the end."""
    files = sorted((out / "kept").glob("*.jsonl"))
    rows = (json.loads(line) for file in files for line in file.open(encoding="utf-8"))
    return [tuple(row[c] for c in columns) for row in rows]
