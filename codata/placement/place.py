"""The placement itself: least bytes first, then time or price.

A task goes where the most bytes of its inputs are. Among places that hold as much, it goes to the one that is
done with it first, or to the cheapest. What was sent to a place once is there for its next tasks.

Tasks that somebody holds whole are looked at together, by arrays; from then on one after another, in an order
that is fixed: tasks with fewer choices first, then as the plan has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from codata.placement.candidates import Candidates, candidates
from codata.placement.problem import Array, Problem

NOWHERE: Final = -1

SMALL_SHARE: Final = 0.01
"""An input which, sent to every place, is at most this share of all bytes has no say in where tasks go."""


@dataclass(frozen=True)
class Placement:
    """Where each task runs (`NOWHERE` where no place may run it), and what has to move.

    `moves`: int64, pairs of input and place, each once, sorted. `ready`: seconds until each place is done.
    """

    place: Array
    moves: Array
    ready: Array
    bytes_moved: int
    bytes_read: int
    """Bytes of the inputs that tasks read, each input once for each place that reads it."""
    price: float


def place(problem: Problem) -> Placement:
    """Place every task. The same problem gives the same placement."""
    return _Placer(problem).run()


def least_bytes(problem: Problem) -> int:
    """A bound below which no placement gets: inputs of one task alone, missing where the least is missing,
    and inputs of several tasks that nobody holds.
    """
    uses = np.bincount(problem.inputs, minlength=len(problem.sizes))
    own = np.where(uses == 1, problem.sizes, 0)
    total = 0
    for task in range(problem.tasks):
        reads = problem.reads(task)
        if len(reads):
            missing = own[reads].sum() - own[reads] @ problem.held.rows(reads).astype(np.int64)
            total += int(missing.min())
    shared = (uses > 1) & ~problem.held.bits.any(axis=1)
    return total + int(problem.sizes[shared].sum())


class _Placer:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.weights = _weights(problem)
        self.present = problem.held.copy()
        self.load = np.array([p.busy for p in problem.places], np.float64)
        self.cores = np.array([max(1, p.cores) for p in problem.places], np.float64)
        self.bandwidth = np.array([p.bandwidth for p in problem.places], np.float64)
        self.cpu_price = np.array([p.cpu_price for p in problem.places], np.float64)
        self.byte_price = np.array([p.byte_price for p in problem.places], np.float64)
        self.by_price = problem.prefer == "price"
        self.place: Array = np.full(problem.tasks, NOWHERE, np.int32)

    def run(self) -> Placement:
        found = candidates(self.problem, self.weights)
        self._among_equals(found)
        for task in found.others:
            self._anywhere(int(task))
        return self._summary()

    def _among_equals(self, found: Candidates) -> None:
        """Tasks whose candidates all lack the same bytes of them: only time and price decide."""
        load, flat, ends = self.load.tolist(), found.flat.tolist(), found.ends.tolist()
        seconds, traffic = self.problem.seconds.tolist(), self.problem.traffic.tolist()
        per_second = (1 / self.cores).tolist()
        lacking, per_lacking = found.lacking.tolist(), (1 / self.bandwidth).tolist()
        per_cpu, per_byte = self.cpu_price.tolist(), self.byte_price.tolist()
        by_price, deadline = self.by_price, self.problem.deadline
        late: list[int] = []
        start = 0
        for task, end, lacks in zip(found.tasks.tolist(), ends, lacking, strict=True):
            best, least = NOWHERE, (math.inf, math.inf)
            for at in range(start, end):
                p = flat[at]
                done = load[p] + seconds[task] * per_second[p] + lacks * per_lacking[p]
                price = 0.0
                if by_price:
                    # Among those that are late, the time decides.
                    in_time = done <= deadline
                    price = seconds[task] * per_cpu[p] + traffic[task] * per_byte[p] if in_time else math.inf
                if best == NOWHERE or (price, done) < least:
                    best, least = p, (price, done)
            start = end
            if least[1] > deadline:
                late.append(task)
                continue
            load[best] = least[1]
            self.place[task] = best
        self.load = np.array(load)
        for task in late:
            self._anywhere(task)

    def _anywhere(self, task: int) -> None:
        """A task that no place holds whole, or that would be late where it is held."""
        problem = self.problem
        allowed = problem.allowed[problem.kinds[task]]
        if not allowed.any():
            return
        reads = problem.reads(task)
        flags = self.present.rows(reads)
        lacking = self.weights[reads].sum() - self.weights[reads] @ flags.astype(np.int64)
        done = self.load + problem.seconds[task] / self.cores + lacking / self.bandwidth
        price = problem.seconds[task] * self.cpu_price + problem.traffic[task] * self.byte_price
        late = (done > problem.deadline) | ~allowed
        last = (price, done) if self.by_price else (done, price)
        # Late places compare by when they are done: bytes are no help to who misses the deadline.
        first = np.where(late, done, lacking)
        best = int(np.lexsort((last[1], last[0], first, late, ~allowed))[0])
        self.place[task] = best
        self.load[best] = done[best]
        self.present.add(reads[flags[:, best] == 0], best)

    def _summary(self) -> Placement:
        problem = self.problem
        counts = np.diff(problem.starts)
        where = np.repeat(self.place, counts).astype(np.int64)
        placed = where != NOWHERE
        pairs = np.unique(problem.inputs[placed].astype(np.int64) * len(problem.places) + where[placed])
        inputs, places = np.divmod(pairs, max(1, len(problem.places)))
        moved = ~problem.held.has(inputs, places)
        moves = np.stack([inputs[moved], places[moved]], axis=1)
        done = self.place != NOWHERE
        at = self.place[done]
        price = problem.seconds[done] * self.cpu_price[at] + problem.traffic[done] * self.byte_price[at]
        return Placement(
            self.place,
            moves,
            self.load,
            int(problem.sizes[moves[:, 0]].sum()),
            int(problem.sizes[inputs].sum()),
            float(price.sum()),
        )


def _weights(problem: Problem) -> Array:
    """The bytes by which inputs count: small ones that many tasks share count nothing."""
    uses = np.bincount(problem.inputs, minlength=len(problem.sizes))
    everywhere = problem.sizes * len(problem.places)
    small = (uses > 1) & (everywhere <= SMALL_SHARE * problem.sizes.sum())
    weights: Array = np.where(small, 0, problem.sizes).astype(np.int64)
    return weights
