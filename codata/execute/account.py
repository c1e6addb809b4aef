"""What a run on providers came to: who did what, what moved, and what it took beside what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time, price, bytes of inputs that moved, bytes of results that came home."""

    seconds: float = 0.0
    price: Decimal = Decimal(0)
    bytes_moved: int = 0
    bytes_fetched: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.price + other.price,
            self.bytes_moved + other.bytes_moved,
            self.bytes_fetched + other.bytes_fetched,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds - other.seconds,
            self.price - other.price,
            self.bytes_moved - other.bytes_moved,
            self.bytes_fetched - other.bytes_fetched,
        )

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it: a price is text, so that it stays exact."""
        return {
            "seconds": round(self.seconds, 3),
            "price": price_text(self.price),
            "bytes_moved": self.bytes_moved,
            "bytes_fetched": self.bytes_fetched,
        }


@dataclass(frozen=True, slots=True)
class StageCost:
    """One stage, or all of one name: what was predicted before the run, and what came; None where it was not
    foreseen, or did not come.
    """

    name: str
    predicted: Cost | None
    actual: Cost | None

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "name": self.name,
            "predicted": self.predicted.to_value() if self.predicted else None,
            "actual": self.actual.to_value() if self.actual else None,
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong at a provider; `receipts` are the evidence where two disagree."""

    kind: str
    message: str
    task: str | None = None
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Did:
    """What one provider did. `word`: good, gone, full, refused, stalled or false."""

    url: str
    did: str | None
    word: str
    tasks: int
    cpu_seconds: float
    price: Decimal
    bytes_sent: int
    """Bytes of inputs that were brought to it."""
    audited: int
    faults: tuple[Fault, ...] = ()

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        value = asdict(self)
        value["price"] = price_text(self.price)
        value["cpu_seconds"] = round(self.cpu_seconds, 3)
        return value


@dataclass(frozen=True)
class Account:
    """`bytes_moved`: inputs brought to where tasks ran; `bytes_fetched`: results brought home.

    `at_home`: tasks that ran here. `predicted`: what was foreseen before the run, None where nothing was;
    `stages` holds the same, stage by stage.
    """

    bytes_moved: int = 0
    bytes_fetched: int = 0
    at_home: int = 0
    hedged: int = 0
    providers: tuple[Did, ...] = ()
    predicted: Cost | None = None
    actual: Cost = field(default_factory=Cost)
    stages: tuple[StageCost, ...] = ()

    @property
    def false(self) -> tuple[Did, ...]:
        """The providers that were found false."""
        return tuple(p for p in self.providers if p.word == "false")

    def to_value(self) -> Mapping[str, Any]:
        """As JSON holds it; nothing where no provider took part."""
        if not self.providers:
            return {}
        return {
            "bytes_fetched": self.bytes_fetched,
            "at_home": self.at_home,
            "hedged": self.hedged,
            "predicted": self.predicted.to_value() if self.predicted else None,
            "actual": self.actual.to_value(),
            "stages": [stage.to_value() for stage in self.stages],
            "providers": [p.to_value() for p in self.providers],
        }


def price_text(price: Decimal) -> str:
    """A price as plain digits: at most nine after the point, no exponent, no zeros at the end."""
    text = f"{price:.9f}".rstrip("0").rstrip(".")
    return text or "0"
