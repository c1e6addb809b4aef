"""Placement of many shards on many simulated providers: seconds, memory, bytes moved.

Beside the least bytes possible, and beside what a stock Dask scheduler does with tasks that read the same
shards: it can't know where content lies, so that its workers would have to fetch.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from benchmarks.pairs import MIB, size_text, table, workplace
from codata.placement import HeldBits, Place, Problem, place
from codata.placement.place import least_bytes

SHARD: Final = 16 * MIB
SECONDS: Final = 0.5  # of CPU for a shard


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=1_000_000)
    parser.add_argument("--providers", type=int, default=1_000)
    parser.add_argument("--copies", type=int, default=3, help="providers that hold each shard")
    parser.add_argument("--dask", type=int, default=600, help="tasks for the comparison with Dask; 0: none")
    args = parser.parse_args(arguments)
    print(f"{args.shards:,} shards, {args.providers:,} providers")
    rows = []
    for copies in (args.copies, 1, 0):
        answers = drawn(args.shards, args.providers, copies)
        began = time.perf_counter()
        problem = spread(answers, args.shards)
        turned = time.perf_counter() - began
        found = place(problem)
        taken = time.perf_counter() - began
        busy = f"{found.ready.min():,.0f} to {found.ready.max():,.0f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        moved = size_text(found.bytes_moved)
        rows.append((copies, f"{turned:.1f}", f"{taken:.1f}", size_text(peak), moved, busy))
    table(("copies", "turn s", "all s", "peak so far", "moved", "busy s"), rows)
    if args.dask:
        print(f"\n{args.dask} tasks on 3 workers, a shard each, one copy of each shard")
        beside_dask(args.dask)


def drawn(shards: int, providers: int, copies: int) -> list[Any]:
    """Each provider's answer to `/have`: every shard lies with `copies` of them, drawn evenly."""
    rng = np.random.default_rng(1)
    answers = np.zeros((providers, -(-shards // 8)), np.uint8)
    number = np.arange(shards)
    first = rng.integers(0, providers, shards)
    for copy in range(copies):
        at = (first + copy * max(1, providers // max(1, copies))) % providers
        np.bitwise_or.at(answers, (at, number >> 3), (0x80 >> (number & 7)).astype(np.uint8))
    return list(answers)


def spread(answers: Sequence[Any], shards: int) -> Problem:
    """One task for each shard, any provider allowed."""
    sizes = np.random.default_rng(2).integers(SHARD // 2, SHARD * 3 // 2, shards)
    return Problem(
        places=[Place(str(i), cores=4) for i in range(len(answers))],
        sizes=sizes,
        starts=np.arange(shards + 1),
        inputs=np.arange(shards),
        seconds=np.full(shards, SECONDS),
        traffic=2.0 * sizes,
        held=HeldBits.turned(answers, shards),
        kinds=np.zeros(shards, np.int64),
        allowed=np.ones((1, len(answers)), np.bool_),
    )


def beside_dask(tasks: int) -> None:
    """The bytes that move under our placement and under Dask's own, and the least."""
    problem = spread(drawn(tasks, 3, 1), tasks)
    where = np.array(dask_places(tasks))
    there = problem.held.has(np.arange(tasks), where)
    moved = {
        "the least possible": least_bytes(problem),
        "codata": place(problem).bytes_moved,
        "Dask": int(problem.sizes[~there].sum()),
    }
    whole = int(problem.sizes.sum())
    table(
        ("", "moved", "of all bytes"),
        [(k, size_text(v), f"{100 * v / whole:.0f}%") for k, v in moved.items()],
    )


def dask_places(tasks: int) -> list[int]:
    """On which of three workers a stock scheduler runs each of so many tasks that take as long."""
    import dask
    from distributed import Client, LocalCluster, get_worker

    def at(number: int) -> str:
        time.sleep(0.001)
        return str(get_worker().name)

    with (
        workplace(None) as folder,
        dask.config.set({"temporary-directory": str(folder)}),
        LocalCluster(3, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        found = client.gather(client.map(at, range(tasks), pure=False))
    return [int(name) for name in found]
