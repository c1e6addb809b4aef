"""Text preprocessing beside datatrove, Dolma and data-juicer: the same documents, as many processes each.

Each step is one command of each: `codata run` on rows that were added, the peers on the same rows as JSON
lines. datatrove has the same rules: what stays is compared document by document, with its text but for
addresses, of which datatrove's replacements depend on the order. Dolma and data-juicer have rules of their
own but for exact copies; there the table says how many documents both keep, and what the rules are stands
below it. `loop` is codata's own steps over the same shards in plain processes, which prove and name nothing:
the price of provenance. Needs the extra `text`; a peer that is not installed is left out.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from benchmarks import corpus
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
from benchmarks.text_peers import PEERS, SAME, Peer, here

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
"""By the name that the scripts of peers have for the same."""

LOOP = ("gopher-c4", "repetition", "fineweb")
"""Those of row-wise steps alone, which a plain loop can do."""

HEAD = (
    "step",
    "",
    "wall s",
    "CPU s",
    "peak MiB of the largest process",
    "wall ÷ codata",
    "CPU ÷ codata",
    "documents kept",
    "same documents",
)

Kept = dict[str, bytes]
"""A digest of the text by the document's id. Not the text: what this process holds hides smaller peaks."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__, size="40MiB", rounds=1)
    parser.set_defaults(warm=0)
    parser.add_argument("--html", type=Path, help="HTML to take instead of Debian's documentation")
    parser.add_argument("--cache", type=Path, default=Path(".cache/corpus"), help="where the texts are kept")
    parser.add_argument("--workers", type=int, default=2, help="processes of each; default 2")
    parser.add_argument("--step", choices=STEPS, action="append", help="only this; may be repeated")
    names = [*(peer.name for peer in PEERS), "loop"]
    parser.add_argument("--peer", choices=names, action="append", help="only this; may be repeated")
    parser.add_argument(
        "--environments", type=Path, default=Path(".tools/peers"), help="where scripts/peers.py put the peers"
    )
    args = parser.parse_args(arguments)
    peers, said = here(args.environments, args.peer)
    with workplace(args.folder) as folder:
        ready = corpus.documents(args.html or corpus.html(args.cache, args.size), args.cache, args.size)
        with ProcessPoolExecutor(1, get_context("spawn")) as aside:  # its memory would hide peaks too
            aside.submit(shards, ready.home, folder / "shards").result()
        documents, size = corpus.count(ready.lines), corpus.text_size(ready.lines)
        print(f"{documents} documents, {size:.0f} MiB as JSON lines, {args.workers} workers")
        print("".join(f"{line}\n" for line in said))
        steps = args.step or list(STEPS)
        table(HEAD, (row for name in steps for row in measured(name, peers, ready, folder, args)))
    print("".join(f"\n{line}" for line in remarks(steps, peers)))


def shards(home: Path, folder: Path) -> None:
    """The documents as files of their shards, for the loop."""
    from benchmarks.jobs import shard_files

    shard_files(home, folder, "documents")


def measured(
    name: str, peers: Sequence[Peer], ready: corpus.Documents, folder: Path, args: Namespace
) -> Sequence[Sequence[object]]:
    """One step by each contender, by turns; the rows of the table."""
    copy = folder / "copy"
    steps = "".join(f"  - {step}\n" for step in STEPS[name])
    job = folder / "job.yaml"
    job.write_text(f"codata: job/1\nsteps:\n{steps}", encoding="utf-8")
    # Kernels are compiled on first use on a machine, once: that is not in the cost of a run.
    codata("run", job, "documents", "--limit", "100", home=copied(ready.home, copy))
    able = [peer for peer in peers if name in peer.rules]
    contenders: dict[str, Contender] = {"codata": partial(run, ready.home, copy, job, args.workers)}
    for peer in able:
        contenders[peer.name] = partial(beside, peer, name, ready.lines, folder, args)
    if name in LOOP and (not args.peer or "loop" in args.peer):
        contenders["loop"] = partial(loop, folder, job, args.workers)
    costs = alternate(contenders, args.rounds, args.warm)
    codata("export", "kept", fresh(folder / "kept.jsonl"), home=copy)
    texts = "text.pii" not in steps
    ours = kept([folder / "kept.jsonl"], texts)
    counts, agree = {"codata": len(ours)}, {}
    for peer in able:
        theirs = kept(sorted((folder / peer.name / "kept").rglob("*.jsonl")), texts)
        counts[peer.name] = len(theirs)
        agree[peer.name] = (same if peer.rules[name] == SAME else both)(ours, theirs)
    return [
        (name, who, *figures(taken, costs["codata"]), counts.get(who, ""), agree.get(who, ""))
        for who, taken in costs.items()
    ]


def figures(taken: Sequence[Cost], base: Sequence[Cost]) -> Sequence[str]:
    """What a contender took, and how that compares with what the base took in the same rounds."""
    return (
        f"{median(c.wall for c in taken):.1f}",
        f"{median(c.cpu for c in taken):.1f}",
        f"{max(c.rss for c in taken) / MIB:.0f}" if any(c.rss for c in taken) else "",
        f"{ratio(taken, base):.2f}",
        f"{median(a.cpu / b.cpu for a, b in zip(taken, base, strict=True)):.2f}",
    )


def run(home: Path, copy: Path, job: Path, workers: int) -> Cost:
    """The job in a copy of the home, where it has never run."""
    copied(home, copy)
    return codata("run", job, "documents", "--name", "kept", "--workers", str(workers), home=copy)


def beside(peer: Peer, name: str, lines: Path, folder: Path, args: Namespace) -> Cost:
    """The same by a peer, into an empty folder."""
    return peer.run(args.environments, name, lines, fresh(folder / peer.name), args.workers)


def loop(folder: Path, job: Path, workers: int) -> Cost:
    """The same steps over the same shards, in plain processes."""
    return python("benchmarks.peers", "steps", folder / "shards", fresh(folder / "loop"), str(workers), job)


def kept(files: Iterable[Path], texts: bool) -> Kept:
    """What stands in files of JSON lines; without `texts` only which documents."""
    found = {}
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                found[row["id"]] = sha256(row["text"].encode()).digest() if texts else b""
    return found


def same(ours: Kept, theirs: Kept) -> str:
    """Whether the rules, which are the same, kept the same."""
    apart = max(len(ours.items() - theirs.items()), len(theirs.items() - ours.items()))
    return f"all but {apart}" if apart else "yes"


def both(ours: Kept, theirs: Kept) -> str:
    """What other rules kept of the same documents, whatever they made of the texts."""
    common, either = len(ours.keys() & theirs.keys()), len(ours.keys() | theirs.keys())
    return f"other rules: {common} by both, Jaccard {common / max(1, either):.2f}"


def remarks(steps: Sequence[str], peers: Sequence[Peer]) -> Iterable[str]:
    """What a peer's rules are where they are not ours, and what it has none for."""
    for peer in peers:
        for name in steps:
            if peer.rules.get(name, "none") != SAME:
                yield f"- {peer.name}, {name}: {peer.rules.get(name, 'has no such step')}."
