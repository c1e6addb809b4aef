"""What a placement would come to, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from cid_store.cid import CID
from codata.execute.account import Cost, price_text
from codata.execute.assign import Assignment
from codata.execute.needs import Need


@dataclass(frozen=True, slots=True)
class Share:
    """One provider's share. `bytes_held`: of its inputs, what it holds already; `seconds` of CPU."""

    url: str
    tasks: int
    bytes_held: int
    bytes_moved: int
    seconds: float
    price: Decimal


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one task would run and why; `reads` names its first input."""

    task: CID
    reads: CID | None
    provider: str
    why: str
    bytes_moved: int


@dataclass(frozen=True)
class Preview:
    """A stage's placement. `unplaced`: tasks that no provider runs, with each one's reason."""

    providers: tuple[Share, ...]
    seats: tuple[Seat, ...]
    unplaced: Mapping[CID, tuple[str, ...]]
    at_home: int
    cost: Cost
    bytes_not_moved: int

    def verifying(self, draws: int) -> Cost:
        """CPU seconds and price of running again what so many draws hit, each task once."""
        count = len(self.seats)
        hit = count * (1 - (1 - 1 / count) ** draws) if count else 0.0
        share = hit / count if count else 0.0
        seconds = sum(p.seconds for p in self.providers) * share
        return Cost(seconds, sum((p.price for p in self.providers), Decimal(0)) * Decimal(share))

    def to_value(self, draws: int) -> dict[str, Any]:
        """As JSON holds it."""
        again = self.verifying(draws)
        return {
            "expected": self.cost.to_value(),
            "bytes_not_moved": self.bytes_not_moved,
            "at_home": self.at_home,
            "providers": [
                {**_fields(p), "price": price_text(p.price), "seconds": round(p.seconds, 3)}
                for p in self.providers
            ],
            "tasks": [_fields(seat) for seat in self.seats],
            "unplaced": [{"task": cid, "reasons": list(why)} for cid, why in self.unplaced.items()],
            "verify_99_1": {"cpu_seconds": round(again.seconds, 3), "price": price_text(again.price)},
        }


def _fields(value: Share | Seat) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def preview(needs: Sequence[Need], found: Assignment, home: bool) -> Preview:
    """The shares and seats of an assignment of those of `needs` that are not lazy."""
    problem, away = found.problem, [need for need in needs if not need.lazy]
    shares: dict[str, Share] = {}
    seats: list[Seat] = []
    for number, need in enumerate(away):
        place = int(found.placement.place[number])
        if place < 0:
            continue
        terms = problem.places[place]
        reads = problem.reads(number)
        sizes = problem.sizes[reads]
        flags = problem.held.rows(reads).astype(np.int64)
        here, all_ = int(sizes @ flags[:, place]) if len(reads) else 0, int(sizes.sum())
        equal = int((sizes @ flags == here).sum()) if len(reads) else 0
        seconds = float(problem.seconds[number])
        price = seconds * terms.cpu_price + float(problem.traffic[number]) * terms.byte_price
        before = shares.get(terms.name, Share(terms.name, 0, 0, 0, 0.0, Decimal(0)))
        shares[terms.name] = Share(
            terms.name,
            before.tasks + 1,
            before.bytes_held + here,
            0,
            before.seconds + seconds,
            before.price + Decimal(price),
        )
        first = need.inputs[0] if need.inputs else None
        seats.append(Seat(need.cid, first, terms.name, _why(here, all_, equal), all_ - here))
    moved = _moved(found)
    lazy = len(needs) - len(away)
    placement = found.placement
    return Preview(
        tuple(
            Share(s.url, s.tasks, s.bytes_held, moved.get(s.url, 0), s.seconds, s.price)
            for s in shares.values()
        ),
        tuple(seats),
        dict(found.reasons),
        lazy + (len(found.reasons) if home else 0),
        Cost(found.seconds, Decimal(placement.price), placement.bytes_moved),
        placement.bytes_read - placement.bytes_moved,
    )


def _moved(found: Assignment) -> dict[str, int]:
    moved: dict[str, int] = {}
    for i, p in found.placement.moves.tolist():
        name = found.problem.places[p].name
        moved[name] = moved.get(name, 0) + int(found.problem.sizes[i])
    return moved


def _why(here: int, all_: int, equal: int) -> str:
    if not here:
        return f"no provider holds any of its {all_} bytes; it is done here first"
    held = f"holds all of its {all_} bytes" if here == all_ else f"holds {here} of its {all_} bytes"
    return held + (f", as {equal - 1} others do; it is done here first" if equal > 1 else "")
