"""A job on a Dask cluster whose workers have stores of their own: placed by what they hold, and by Dask.

python -m benchmarks cluster [--size 128MiB] [--shards 24] [--workers 3]

Every turn has fresh stores, with the shards dealt out over them, and a fresh home that knows the dataset and
holds none of it. Both run the same tasks and get the same result; what moves is counted on arrival.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.pairs import MIB, Cost, alternate, call, fresh, options, ratio, table, workplace
from benchmarks.spread import JOB, Dealt, deal, job
from cid_store.cid import CID
from codata.execute.cluster import Cluster
from codata.execute.needs import Need
from codata.execute.run import run
from codata.home import Home
from tests.dask_cluster import cluster


class Stock(Cluster):
    """Tasks go where Dask sends them."""

    def choose(self, needs: Sequence[Need]) -> Mapping[CID, Sequence[str]]:
        """No worker is better than another."""
        everywhere = sorted(self.workers())
        return {need.cid: everywhere for need in needs}


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__, size="128MiB")
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--workers", type=int, default=3)
    args = parser.parse_args(arguments)
    moved: dict[str, list[int]] = {"placed": [], "stock Dask": []}
    outputs: set[CID] = set()
    with workplace(args.folder) as folder:
        dealt = deal(folder / "whole", args.size, args.shards)
        kinds: dict[str, type[Cluster]] = {"placed": Cluster, "stock Dask": Stock}
        turns = {
            name: partial(turn, folder, dealt, args.workers, kind, moved[name], outputs)
            for name, kind in kinds.items()
        }
        costs = alternate(turns, args.rounds, args.warm)
    if len(outputs) != 1:
        raise RuntimeError(f"the turns gave different results: {outputs}")
    print(f"\n{args.size // MIB} MiB in {args.shards} shards on {args.workers} workers; {JOB}\n")
    rows = []
    for name, taken in costs.items():
        wall = statistics.median(c.wall for c in taken)
        came = statistics.median(moved[name])
        share = came / max(1, statistics.median(moved["placed"]))
        rows.append(
            (name, f"{came / MIB:.1f}", f"{share:.2f}", f"{wall:.2f}", f"{ratio(taken, costs['placed']):.2f}")
        )
    table(("", "MiB moved", "÷ placed", "wall s", "÷ placed"), rows)


def turn(
    folder: Path,
    dealt: Dealt,
    workers: int,
    kind: type[Cluster],
    moved: list[int],
    outputs: set[CID],
) -> Cost:
    """One run on fresh stores; preparing them does not count."""
    place = fresh(folder / "turn")
    stores = [place / f"store{i}" for i in range(workers)]
    dealt.to(stores)
    with cluster("tcp", [], place, stores) as running, Home(place / "home") as home:
        dealt.known(home.store)
        with kind(running.address, timeout=60) as where:
            where.wait(workers)
            work = job(home)
            cost = call(
                lambda: outputs.update(run(home, work, {"data": dealt.dataset}, where).outputs.values())
            )
            moved.append(where.account().bytes_moved)
    return cost


if __name__ == "__main__":
    main(sys.argv[1:])
