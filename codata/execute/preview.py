"""What a run on providers would come to, stage by stage, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from cid_store.cid import CID
from codata.execute.account import Cost, price_text


@dataclass(frozen=True, slots=True)
class Share:
    """One provider's share. `bytes_held`: of its inputs, what it holds already; `bytes_moved`: what is
    brought to it; `seconds` of CPU.
    """

    url: str
    tasks: int = 0
    bytes_held: int = 0
    bytes_moved: int = 0
    seconds: float = 0.0
    price: Decimal = Decimal(0)

    def __add__(self, other: Share) -> Share:
        return Share(
            self.url,
            self.tasks + other.tasks,
            self.bytes_held + other.bytes_held,
            self.bytes_moved + other.bytes_moved,
            self.seconds + other.seconds,
            self.price + other.price,
        )

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        value = {name: getattr(self, name) for name in self.__slots__}
        return value | {"price": price_text(self.price), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Seat:
    """Where one task would run and why; `reads` names its first input. `bytes_moved`: what it lacks there,
    also where other tasks lack the same.
    """

    task: CID
    reads: CID | None
    provider: str
    why: str
    bytes_moved: int


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Tasks of a stage that no provider runs, all for the same reasons, one for each provider; `named`: the
    CIDs of those whose inputs exist.
    """

    stage: str
    tasks: int
    reasons: tuple[str, ...]
    named: tuple[CID, ...]

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"stage": self.stage, "tasks": self.tasks, "reasons": self.reasons, "named": self.named}


@dataclass(frozen=True)
class StagePreview:
    """A stage's placement. `sizes`: what the bytes rest on, `speed`: what the seconds rest on, each one of
    `codata.execute.suppose.BASES`.

    `seats`: of tasks whose inputs exist.
    `lost`: inputs that nobody holds, and that must be made again first: what that takes is not counted.
    """

    name: str
    sizes: str
    speed: str
    providers: tuple[Share, ...]
    seats: tuple[Seat, ...]
    unplaced: tuple[Unplaced, ...]
    placed: int
    at_home: int
    lost: int
    cost: Cost
    bytes_not_moved: int

    def verifying(self, draws: int) -> Cost:
        """CPU seconds and price of running again what so many draws hit, each task once."""
        count = self.placed
        hit = count * (1 - (1 - 1 / count) ** draws) if count else 0.0
        share = hit / count if count else 0.0
        seconds = sum(p.seconds for p in self.providers) * share
        return Cost(seconds, sum((p.price for p in self.providers), Decimal(0)) * Decimal(share))

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "name": self.name,
            "sizes": self.sizes,
            "speed": self.speed,
            "tasks": self.placed + self.at_home,
            "at_home": self.at_home,
            "lost": self.lost,
            "expected": self.cost.to_value(),
            "bytes_not_moved": self.bytes_not_moved,
            "providers": [p.to_value() for p in self.providers],
        }


@dataclass(frozen=True)
class Preview:
    """All stages with work to do. `fetched`: bytes of results that come home at the end. `ends`: why nothing
    is foreseen beyond the last stage, where that is not the end of the run.
    """

    stages: tuple[StagePreview, ...]
    fetched: int = 0
    ends: str | None = None

    @property
    def providers(self) -> tuple[Share, ...]:
        """Each one's share of all stages."""
        found: dict[str, Share] = {}
        for share in chain.from_iterable(stage.providers for stage in self.stages):
            found[share.url] = found.get(share.url, Share(share.url)) + share
        return tuple(found.values())

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Where each task runs whose inputs exist."""
        return tuple(chain.from_iterable(stage.seats for stage in self.stages))

    @property
    def unplaced(self) -> tuple[Unplaced, ...]:
        """Tasks that no provider runs."""
        return tuple(chain.from_iterable(stage.unplaced for stage in self.stages))

    @property
    def at_home(self) -> int:
        """Tasks that run here."""
        return sum(stage.at_home for stage in self.stages)

    @property
    def lost(self) -> int:
        """Inputs that must be made again first."""
        return sum(stage.lost for stage in self.stages)

    @property
    def cost(self) -> Cost:
        """Of all stages, one after another, and of fetching the results."""
        return sum((stage.cost for stage in self.stages), Cost(bytes_fetched=self.fetched))

    @property
    def bytes_not_moved(self) -> int:
        """Bytes that tasks read where they are."""
        return sum(stage.bytes_not_moved for stage in self.stages)

    def verifying(self, draws: int) -> Cost:
        """CPU seconds and price of running again so many draws of each stage."""
        return sum((stage.verifying(draws) for stage in self.stages), Cost())

    def to_value(self, draws: int) -> dict[str, Any]:
        """As JSON holds it."""
        again = self.verifying(draws)
        return {
            "expected": self.cost.to_value(),
            "bytes_not_moved": self.bytes_not_moved,
            "at_home": self.at_home,
            "lost": self.lost,
            "ends": self.ends,
            "stages": [stage.to_value() for stage in self.stages],
            "providers": [p.to_value() for p in self.providers],
            "tasks": [{name: getattr(seat, name) for name in seat.__slots__} for seat in self.seats],
            "unplaced": [unplaced.to_value() for unplaced in self.unplaced],
            "verify_99_1": {"cpu_seconds": round(again.seconds, 3), "price": price_text(again.price)},
        }
