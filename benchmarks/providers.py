"""A job on three providers that hold a third of the data each, on one that holds all, and on this machine.

python -m benchmarks providers [--size 64MiB] [--shards 12]

All of them share this machine's cores: three can't be faster than one here. What is seen is what dividing the
work costs, and what moves. Every turn has fresh homes and processes, which import libraries for their first
task; the home that asks holds no shard, and ends with the result.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.pairs import MIB, Contender, Cost, alternate, call, fresh, options, ratio, table, workplace
from benchmarks.servers import free_port, provider
from benchmarks.spread import JOB, Dealt, deal, job
from cid_store.cid import CID
from codata.execute.executors import Embedded, Executor
from codata.execute.providers import Providers, Terms
from codata.execute.run import run
from codata.home import Home


@dataclass
class Seen:
    """What came of the turns: results, bytes moved to providers, bytes of results brought home."""

    outputs: set[CID] = field(default_factory=set)
    moved: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__, size="64MiB")
    parser.add_argument("--shards", type=int, default=12)
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        dealt = deal(folder / "whole", args.size, args.shards)
        seen = {"three providers": Seen(), "one provider": Seen(), "this machine": Seen()}
        counts = dict(zip(seen, (3, 1, 0), strict=True))
        turns: dict[str, Contender] = {
            name: partial(turn, folder, dealt, counts[name], found) for name, found in seen.items()
        }
        costs = alternate(turns, args.rounds, args.warm)
    if len(set[CID]().union(*(found.outputs for found in seen.values()))) != 1:
        raise RuntimeError("the turns gave different results")
    print(f"\n{args.size // MIB} MiB in {args.shards} shards; {JOB}\n")
    rows = []
    for name, taken in costs.items():
        wall = statistics.median(c.wall for c in taken)
        moved, fetched = (f"{statistics.median(n) / MIB:.1f}" for n in (seen[name].moved, seen[name].fetched))
        rows.append((name, f"{wall:.2f}", moved, fetched, f"{ratio(taken, costs['this machine']):.2f}"))
    table(("", "wall s", "MiB moved", "MiB fetched", "÷ this machine"), rows)


def turn(folder: Path, dealt: Dealt, providers: int, seen: Seen) -> Cost:
    """One run on fresh homes; preparing them does not count."""
    place = fresh(folder / "turn")
    with ExitStack() as stack:
        home = stack.enter_context(Home(place / "home"))
        if providers:
            urls = stack.enter_context(serving(place, dealt, providers))
            where: Executor = stack.enter_context(Providers(home, urls, Terms(home=False)))
            dealt.known(home.store)
        else:
            dealt.to([place / "home" / "store"])
            dealt.known(home.store)
            where = stack.enter_context(Embedded())
        work = job(home)
        cost = call(
            lambda: seen.outputs.update(run(home, work, {"data": dealt.dataset}, where).outputs.values())
        )
        account = where.account()
        seen.moved.append(account.bytes_moved)
        seen.fetched.append(account.bytes_fetched)
    return cost


@contextmanager
def serving(place: Path, dealt: Dealt, count: int) -> Iterator[list[str]]:
    """Providers with the shards dealt out over them, which let everybody in and fetch from each other."""
    homes = [place / f"provider{i}" for i in range(count)]
    dealt.to([home / "store" for home in homes])
    ports = [free_port() for _ in homes]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    for home in homes:
        (home / "config.toml").write_text(
            f'[provider.tasks]\nkeep_free = 1\nsources = {urls}\nallow = [{{did = "*", steps = ["*"]}}]\n'
        )
    with ExitStack() as stack:
        for home, port in zip(homes, ports, strict=True):
            stack.enter_context(provider(home, port))
        yield urls


if __name__ == "__main__":
    main(sys.argv[1:])
