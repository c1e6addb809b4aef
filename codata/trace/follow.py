"""Following rows back: within a run from task to task, the last stage first; from run to run by datasets."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import UsageError
from codata.ops import Origin, Traced
from codata.records.manifest import Manifest
from codata.trace.tasks import Tasks
from codata.trace.way import Hop, Made, Place, Way

MAX_HOPS: Final = 10_000
"""Rows on one way. A packed row comes from some documents, a count of words from all of them."""

Choose = Callable[[CID, frozenset[CID]], Tasks | None]
"""The run that is taken to have given a dataset, which is none of those that the way came through."""


@dataclass(frozen=True)
class _Leg:
    """Rows of one dataset, by hop, and the runs that the way to them came through."""

    dataset: CID
    hops: tuple[int, ...]
    through: frozenset[CID]


def follow(store: Store, dataset: CID, row: int, choose: Choose) -> Way:
    """The way of a row back to files, or to datasets that no run is known to have given.

    Raises `UsageError` for a row that is not there, and what tracing a task raises.
    """
    follower = _Follower(choose)
    place, shard, inside = locate(store, dataset, row)
    start = follower.add((dataset, row), Hop(shard, inside, (place,)))
    assert start is not None
    legs = [_Leg(dataset, (start,), frozenset())]
    while legs:
        legs += follower.leg(legs.pop(0))
    return Way(tuple(follower.hops), follower.jobs)


def locate(store: Store, dataset: CID, row: int) -> tuple[Place, CID, int]:
    """Where row `row` of a dataset stands: its place, its shard, and its number in the shard."""
    manifest = Manifest.load(store, dataset)
    if not 0 <= row < manifest.rows:
        raise UsageError(
            f"dataset {dataset} has {manifest.rows} rows, and none of number {row}",
            cid=dataset,
            next_step="count rows from 0",
        )
    left = row
    for number, shard in enumerate(manifest.refs(store)):
        if left < shard.rows:
            return Place(dataset, row, number), shard.cid, left
        left -= shard.rows
    raise AssertionError("a manifest's shards add up to its rows")


class _Follower:
    """The hops so far."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self.hops: list[Hop] = []
        self.jobs: dict[CID, tuple[str, ...]] = {}
        self._known: dict[object, int] = {}

    def add(self, key: object, hop: Hop) -> int | None:
        """The number of the hop known by this key, new if need be; None where there are too many."""
        if key not in self._known:
            if len(self.hops) == MAX_HOPS:
                return None
            self._known[key] = len(self.hops)
            self.hops.append(hop)
        return self._known[key]

    def leg(self, leg: _Leg) -> list[_Leg]:
        """Follow rows of a dataset through the run that gave it; the legs that begin at its inputs."""
        tasks = self._choose(leg.dataset, leg.through)
        if tasks is None:
            return []
        self.jobs[tasks.run] = tasks.steps
        within = _Within(self, tasks)
        for n in leg.hops:
            within.start(n)
        within.follow()
        through = leg.through | {tasks.run}
        return [_Leg(dataset, tuple(found), through) for dataset, found in within.inputs.items()]


class _Within:
    """Rows on their way through one run. Those of one task are traced together."""

    def __init__(self, follower: _Follower, tasks: Tasks) -> None:
        self._follower, self._tasks = follower, tasks
        self._waiting: dict[tuple[int, str], list[int]] = {}
        self._order: list[tuple[int, str]] = []
        self.inputs: dict[CID, dict[int, None]] = {}

    def start(self, n: int) -> None:
        """Take a row of an output of the run."""
        hop = self._follower.hops[n]
        maker = self._tasks.maker(hop.table, None)
        if maker is not None:
            self._wait(maker, n)
        elif (found := self._input(hop.table, hop.row)) is not None:
            self._follower.hops[n] = replace(hop, origins=(found,))

    def follow(self) -> None:
        """Until all rows have come to the run's inputs. A task's rows all wait when its turn comes."""
        while self._order:
            number, output = heapq.heappop(self._order)
            self._trace(-number, output, self._waiting.pop((-number, output)))

    def _wait(self, maker: int, n: int) -> None:
        key = maker, self._tasks.output(maker, self._follower.hops[n].table)
        if key not in self._waiting:
            heapq.heappush(self._order, (-key[0], key[1]))
        self._waiting.setdefault(key, []).append(n)

    def _trace(self, number: int, output: str, waiting: Sequence[int]) -> None:
        hops, row = self._follower.hops, self._tasks.rows[number]
        task = self._tasks.task(number)
        made = Made(self._tasks.run, row.task, task.step, row.stage)
        found = self._tasks.trace(number, output, [hops[n].row for n in waiting])
        if found is None:
            why = f"operation {task.step!r} does not say which rows its own come from"
            for n in waiting:
                hops[n] = replace(hops[n], made=made, stopped=why)
            return
        inputs = self._tasks.inputs(task)
        for n, traced in zip(waiting, found, strict=True):
            origins = tuple(self._origins(traced, inputs, row.number))
            more = traced.more + len(traced.origins) - len(origins)
            hops[n] = replace(hops[n], made=replace(made, did=traced.did), origins=origins, more=more)

    def _origins(self, traced: Traced, inputs: dict[str, tuple[CID, ...]], stage: int) -> Iterator[int]:
        for origin in traced.origins:
            n = self._origin(origin, inputs[origin.input][origin.at], stage)
            if n is not None:
                yield n

    def _origin(self, origin: Origin, cid: CID, stage: int) -> int | None:
        if origin.unit != "row":
            file = self._tasks.file(cid, origin.unit, origin.row)
            return self._follower.add(file, Hop(cid, origin.row, file=file))
        maker = self._tasks.maker(cid, stage)
        if maker is None:
            return self._input(cid, origin.row)
        key = (self._tasks.run, maker, cid, origin.row)
        count = len(self._follower.hops)
        n = self._follower.add(key, Hop(cid, origin.row))
        if n == count:
            self._wait(maker, n)
        return n

    def _input(self, table: CID, row: int) -> int | None:
        places = self._tasks.places(table, row)
        # Of equal shards the first is followed: their rows are the same, and may have come on several ways.
        first = places[0]
        n = self._follower.add((first.dataset, first.row), Hop(table, row, places))
        if n is not None:
            self.inputs.setdefault(first.dataset, {})[n] = None
        return n
