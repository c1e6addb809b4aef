"""From tasks and providers to a placement: who may run what, who holds what, what it would take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cid_store.cid import CID
from codata.execute.needs import Need
from codata.execute.rates import Rates
from codata.placement import HeldBits, Place, Placement, Preference, Problem, place
from codata.placement.place import NOWHERE
from codata.remote.member import Member


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a placement: what decides between equal bytes, and by when all should be done."""

    prefer: Preference = "time"
    deadline: float = math.inf


@dataclass(frozen=True)
class Assignment:
    """`where`: the member of each task that got one. `moves`: what each member lacks of what it will read.

    `reasons`: for each task without a place, why no member can run it, a line each.
    """

    problem: Problem
    placement: Placement
    where: Mapping[CID, Member]
    moves: Mapping[int, tuple[CID, ...]]
    reasons: Mapping[CID, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Until the last member is done, as expected."""
        return float(self.placement.ready.max()) if len(self.placement.ready) and self.where else 0.0


class Holders(Protocol):
    """Members, and who of them holds what: a `Pool`, or one as it will be."""

    @property
    def members(self) -> Sequence[Member]:
        """All, each at its number."""
        ...

    def good(self) -> list[Member]:
        """Those that get work."""
        ...

    def holders(self, cid: CID) -> list[Member]:
        """The members that hold a CID and would give it."""
        ...

    def table(self, cids: Sequence[CID], members: Sequence[Member]) -> HeldBits:
        """Who of `members` holds which of `cids`."""
        ...


Barred = Mapping[CID, Mapping[int, str]]
"""Members, by number, that a task must not go to, and why."""


def assign(
    pool: Holders,
    needs: Sequence[Need],
    size: Callable[[CID], int],
    rates: Rates,
    wish: Wish,
    barred: Barred,
    *,
    queues: bool = True,
) -> Assignment:
    """Place tasks on the good members of a pool, which has been asked who holds their inputs.

    Without `queues` nothing waits at the members: so it will be once a run's first tasks have ended.
    """
    members = pool.good()
    inputs = list(dict.fromkeys(cid for need in needs for cid in need.inputs))
    number = {cid: i for i, cid in enumerate(inputs)}
    sizes = np.array([size(cid) for cid in inputs], np.int64)
    reads = [[number[cid] for cid in need.inputs] for need in needs]
    total = [(need.task.step, int(sizes[r].sum())) for need, r in zip(needs, reads, strict=True)]
    work = [rates.seconds(step, read) for step, read in total]
    kinds, allowed, why = _kinds(needs, members, barred)
    problem = Problem(
        places=_places(members, work, queues),
        sizes=sizes,
        starts=np.cumsum([0, *map(len, reads)]).astype(np.int64),
        inputs=np.array([i for r in reads for i in r], np.int64),
        seconds=np.array(work, np.float64),
        traffic=np.array([rates.traffic(step, read) for step, read in total], np.float64),
        held=pool.table(inputs, members),
        kinds=kinds,
        allowed=allowed,
        prefer=wish.prefer,
        deadline=wish.deadline,
    )
    found = place(problem)
    at = found.place.tolist()
    where = {n.cid: members[p] for n, p in zip(needs, at, strict=True) if p != NOWHERE}
    moves: dict[int, list[CID]] = {}
    for i, p in found.moves.tolist():
        moves.setdefault(members[p].number, []).append(inputs[i])
    gone = tuple(m.because() for m in pool.members if not m.good)
    reasons = {
        n.cid: (*why[k], *gone) for n, k in zip(needs, kinds.tolist(), strict=True) if n.cid not in where
    }
    return Assignment(problem, found, where, {n: tuple(cids) for n, cids in moves.items()}, reasons)


def _places(members: Sequence[Member], work: Sequence[float], queues: bool) -> list[Place]:
    mean = sum(work) / len(work) if work else 0.0
    return [
        Place(
            name=m.url,
            cores=m.terms.cores,
            busy=queues * m.terms.waiting * mean / m.terms.cores,
            bandwidth=m.terms.bandwidth,
            cpu_price=float(m.terms.cpu_price),
            byte_price=float(m.terms.gigabyte_price) / 1e9,
        )
        for m in members
    ]


def _kinds(
    needs: Sequence[Need], members: Sequence[Member], barred: Barred
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, ...]]]:
    """Tasks that may go to the same members are of one kind: its number for each task, who may run it, and
    why the others may not.
    """
    known: dict[tuple[object, ...], int] = {}
    kinds: list[int] = []
    rows: list[list[bool]] = []
    why: list[tuple[str, ...]] = []
    for need in needs:
        out = barred.get(need.cid, {})
        key = (need.names, tuple(sorted(need.task.engines.items())), tuple(sorted(out.items())))
        if key not in known:
            known[key] = len(rows)
            said = [out.get(m.number) or m.terms.refusal(need.names, need.task.engines) for m in members]
            rows.append([text is None for text in said])
            why.append(tuple(m.because(t) for m, t in zip(members, said, strict=True) if t))
        kinds.append(known[key])
    allowed = np.array(rows, np.bool_).reshape(len(rows), len(members))
    return np.array(kinds, np.int64), allowed, why
