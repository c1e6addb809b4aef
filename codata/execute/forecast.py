"""From a plan that is foreseen to a preview: each stage is placed by the same rules as when it runs.

What tasks of one stage would make lies where they would run, and so the next stage is placed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from cid_store.cid import CID, DAG_CBOR
from codata.estimate import Estimate, estimate
from codata.execute.account import Cost
from codata.execute.assign import Assignment, assign
from codata.execute.errands import sources_of
from codata.execute.executors import available_cores
from codata.execute.needs import Need, need_of_task
from codata.execute.outlook import Outlook
from codata.execute.preview import Preview, Seat, Share, StagePreview, Unplaced
from codata.execute.rates import Rates
from codata.execute.supply import Supply
from codata.execute.suppose import BASES
from codata.execute.terms import Terms
from codata.foresight import Foreseen, Foresight
from codata.home import Home
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.remote.member import Member
from codata.remote.pool import Pool


def forecast(
    home: Home,
    job: Job,
    inputs: Mapping[str, CID],
    pool: Pool,
    supply: Supply,
    rates: Rates,
    terms: Terms,
    *,
    bounds: bool = True,
) -> tuple[Estimate, Preview]:
    """What a run on the providers of `pool` would come to, as `estimate` and `Preview` have it. Nothing runs;
    providers get questions alone.
    """
    for root in inputs.values():
        if kind_of(home.store, root) == Manifest.kind:
            refs = Manifest.load(home.store, root).refs(home.store)
            supply.learn((ref.cid, ref.size) for ref in refs)
    placer = _Forecast(pool, supply, rates, terms)
    found = estimate(home, job, inputs, supply.size, placer.stage, bounds=bounds)
    return found, placer.preview(found.foresight)


class _Forecast:
    """Places the stages that it is shown, one after another."""

    def __init__(self, pool: Pool, supply: Supply, rates: Rates, terms: Terms) -> None:
        self._pool, self._rates, self._terms = pool, rates, terms
        self._outlook = Outlook(pool, supply)
        self._where: dict[CID, Member | None] = {}
        """Where each task of an earlier stage would run; None: at home."""
        self._stages: list[StagePreview] = []
        self._stopped: str | None = None

    def stage(self, foresight: Foresight, stage: Foreseen) -> None:
        """Place one stage."""
        needs = [need_of_task(foresight.store, task) for task in stage.todo.values()]
        if not needs or self._stopped:
            return
        inputs = list(dict.fromkeys(cid for need in needs for cid in need.inputs))
        self._pool.locate(cid for cid in inputs if foresight.named(cid))
        given = [cid for cid in inputs if self._given(foresight, cid)]
        away = [need for need in needs if not need.lazy]
        found = assign(
            self._outlook, away, foresight.size, self._rates, self._terms.wish, {}, queues=not self._stages
        )
        lost = len(self._outlook.lost(given))
        to_members, moved = self._brought(foresight, found)
        here = [need for need in needs if need.lazy or (self._terms.home and need.cid in found.reasons)]
        moved += self._brought_home(foresight, here)
        self._where |= {**found.where, **{need.cid: None for need in here}}
        placement = found.placement
        cost = Cost(max(found.seconds, self._at_home(foresight, here)), Decimal(placement.price), moved)
        self._stages.append(
            StagePreview(
                name=stage.name,
                sizes=stage.sizes,
                speed=BASES[self._speed(away)],
                providers=tuple(_shares(found, to_members)),
                seats=tuple(self._seats(foresight, away, found)),
                unplaced=tuple(self._unplaced(foresight, stage.name, away, found)),
                placed=len(found.where),
                at_home=len(here),
                lost=lost,
                cost=cost,
                bytes_not_moved=placement.bytes_read - placement.bytes_moved,
            )
        )

        if found.reasons and not self._terms.home:
            self._stopped = f"{stage.name!r} has tasks that no provider runs, and this home may not"

    def preview(self, foresight: Foresight) -> Preview:
        """All that was placed."""
        if self._stopped:
            return Preview(tuple(self._stages), ends=self._stopped)
        return Preview(tuple(self._stages), self._results(foresight), foresight.ends)

    def _results(self, foresight: Foresight) -> int:
        """Bytes of the run's results that will not be at home."""
        total = 0
        for cid in foresight.results:
            self._given(foresight, cid)
            total += 0 if self._outlook.here(cid) else foresight.size(cid)
        return total

    def _given(self, foresight: Foresight, cid: CID) -> bool:
        """Whether no task to come makes an input. Of others the outlook learns here where they would be."""
        maker = foresight.maker(cid)
        if maker in self._where:
            self._outlook.will_hold(cid, self._where[maker])
        return maker is None

    def _brought(self, foresight: Foresight, found: Assignment) -> tuple[dict[str, int], int]:
        """The bytes brought to each member, and all that move for it: what a member can't fetch goes through
        the home, which nodes have come to before."""
        moved: dict[str, int] = {}
        total = 0
        for number, cids in found.moves.items():
            member = self._outlook.members[number]
            for cid in cids:
                size = foresight.size(cid)
                if not sources_of(self._outlook, member, cid):
                    total += self._brought_here(cid, size)
                    size = 0 if cid.codec == DAG_CBOR else size
                moved[member.url] = moved.get(member.url, 0) + size
                total += size
        for number, cids in found.moves.items():
            for cid in cids:
                self._outlook.will_hold(cid, self._outlook.members[number])
        return moved, total

    def _brought_home(self, foresight: Foresight, here: Iterable[Need]) -> int:
        """Bytes that the tasks which run here would bring; lazy ones read few of their inputs, if any."""
        inputs = dict.fromkeys(cid for need in here if not need.lazy for cid in need.inputs)
        return sum(self._brought_here(cid, foresight.size(cid)) for cid in inputs)

    def _brought_here(self, cid: CID, size: int) -> int:
        if self._outlook.here(cid):
            return 0
        self._outlook.will_hold(cid, None)
        return size

    def _speed(self, away: Sequence[Need]) -> int:
        """The place in `BASES` of what their seconds rest on."""
        if not away:
            return 0
        return 1 if all(self._rates.knows(need.task.step) for need in away) else 2

    def _at_home(self, foresight: Foresight, here: Iterable[Need]) -> float:
        """Seconds that the home would take."""
        work = sum(
            self._rates.seconds(need.task.step, sum(map(foresight.size, need.inputs)))
            for need in here
            if not need.lazy
        )
        return work / (self._terms.workers or available_cores())

    def _unplaced(
        self, foresight: Foresight, stage: str, needs: Sequence[Need], found: Assignment
    ) -> Iterable[Unplaced]:
        """Tasks without a place, by reasons."""
        alike: dict[tuple[str, ...], list[Need]] = {}
        for need in needs:
            if need.cid in found.reasons:
                alike.setdefault(found.reasons[need.cid], []).append(need)
        for reasons, several in alike.items():
            named = (need.cid for need in several if not any(map(foresight.maker, need.inputs)))
            yield Unplaced(stage, len(several), reasons, tuple(named))

    def _seats(self, foresight: Foresight, needs: Sequence[Need], found: Assignment) -> Iterable[Seat]:
        """Where those tasks run whose inputs exist: others have no name yet."""
        for number, need in enumerate(needs):
            if need.cid in found.where and not any(map(foresight.maker, need.inputs)):
                yield _seat(found, number, need)


def _shares(found: Assignment, moved: Mapping[str, int]) -> Iterable[Share]:
    """Each provider's share of an assignment."""
    problem = found.problem
    shares: dict[str, Share] = {}
    for number, place in enumerate(found.placement.place.tolist()):
        if place >= 0:
            here, _, _ = _held(found, number, place)
            terms, seconds = problem.places[place], float(problem.seconds[number])
            price = seconds * terms.cpu_price + float(problem.traffic[number]) * terms.byte_price
            share = Share(terms.name, 1, here, 0, seconds, Decimal(price))
            shares[terms.name] = shares.get(terms.name, Share(terms.name)) + share
    return (share + Share(name, bytes_moved=moved.get(name, 0)) for name, share in shares.items())


def _seat(found: Assignment, number: int, need: Need) -> Seat:
    """Where task `number` of an assignment runs, and why."""
    place = int(found.placement.place[number])
    here, all_, equal = _held(found, number, place)
    first = need.inputs[0] if need.inputs else None
    return Seat(need.cid, first, found.problem.places[place].name, _why(here, all_, equal), all_ - here)


def _held(found: Assignment, number: int, place: int) -> tuple[int, int, int]:
    """Of a task's inputs: bytes that a place holds, all bytes, and how many places hold as many."""
    reads = found.problem.reads(number)
    if not len(reads):
        return 0, 0, 0
    sizes = found.problem.sizes[reads]
    held = sizes @ found.problem.held.rows(reads).astype(np.int64)
    return int(held[place]), int(sizes.sum()), int((held == held[place]).sum())


def _why(here: int, all_: int, equal: int) -> str:
    if not here:
        return f"no provider holds any of its {all_} bytes; it is done here first"
    held = f"holds all of its {all_} bytes" if here == all_ else f"holds {here} of its {all_} bytes"
    return held + (f", as {equal - 1} others do; it is done here first" if equal > 1 else "")
