"""What a provider offers: its answer to GET /offer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final

from cid_store.errors import UsageError
from cid_store.stores.gateway.origin import Origin
from codata import identity
from codata.errors import FalseClaim
from codata.remote.answers import printable
from codata.remote.errors import ProviderLied

_MAX_CORES: Final = 1 << 16
_MAX_QUEUE: Final = 1 << 24
_MAX_NAMES: Final = 10_000
_UPLOAD: Final = 16 * 1024 * 1024  # bytes, where a provider does not say
_TASKS: Final = 10_000


@dataclass(frozen=True)
class Offer:
    """`steps`: patterns of operation names. Prices are for a CPU second, and for 10^9 bytes that
    tasks read and write.

    `bandwidth`: bytes a second, infinite where it is not said. `upload`: bytes of one upload at most;
    `tasks`: how many may wait or run at once.
    `sources`: origins that it fetches inputs from.
    """

    did: str
    cores: int = 1
    waiting: int = 0
    engines: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ("*",)
    cpu_price: Decimal = Decimal(0)
    gigabyte_price: Decimal = Decimal(0)
    bandwidth: float = math.inf
    upload: int = _UPLOAD
    tasks: int = _TASKS
    sources: tuple[str, ...] = ()

    @classmethod
    def parse(cls, who: str, value: Mapping[str, Any]) -> Offer:
        """The offer in an answer; raises `ProviderLied` for what can't be one."""
        read = _Reader(who, value)
        price, limits = read.part("price"), read.part("limits")
        offer = cls(
            did=read.text("did"),
            cores=max(1, read.count("cores", 1, _MAX_CORES)),
            waiting=read.count("queued", 0, _MAX_QUEUE) + read.count("running", 0, _MAX_QUEUE),
            engines=read.texts("engines"),
            steps=read.names("steps", ("*",)),
            cpu_price=price.decimal("cpu_second"),
            gigabyte_price=price.decimal("gigabyte"),
            bandwidth=read.count("bandwidth", 0, 1 << 50) or math.inf,
            upload=limits.count("upload", _UPLOAD, 1 << 50) or _UPLOAD,
            tasks=max(1, limits.count("tasks", _TASKS, 1 << 50)),
            sources=read.names("sources", ()),
        )
        try:
            identity.public_key(offer.did)
        except FalseClaim:
            raise ProviderLied(f"{who} offers under no did:key") from None
        return offer

    @cached_property
    def origins(self) -> frozenset[Origin]:
        """The sources that can be understood."""
        found: set[Origin] = set()
        for url in self.sources:
            with suppress(UsageError):
                found.add(Origin.parse(url))
        return frozenset(found)

    def refusal(self, names: Sequence[str], engines: Mapping[str, str]) -> str | None:
        """Why a task of these operations and steps can't run there; None where it can."""
        for name in names:
            if not any(fnmatchcase(name, pattern) for pattern in self.steps):
                return f"runs no {name}"
        for name, version in sorted(engines.items()):
            there = self.engines.get(name)
            if there != version:
                return f"has {name} {there or 'in no version'}, not {version}"
        return None


@dataclass(frozen=True)
class _Reader:
    """Fields of an object from outside, each with its type and bound."""

    who: str
    value: Mapping[str, Any]

    def _bad(self, name: str) -> ProviderLied:
        return ProviderLied(f"{self.who} makes an offer whose {name} is none")

    def part(self, name: str) -> _Reader:
        found = self.value.get(name) or {}
        if not isinstance(found, dict):
            raise self._bad(name)
        return _Reader(self.who, found)

    def text(self, name: str) -> str:
        found = self.value.get(name)
        if not isinstance(found, str) or len(found) > 200:
            raise self._bad(name)
        return printable(found)

    def count(self, name: str, default: int, most: int) -> int:
        found = self.value.get(name)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= most:
            raise self._bad(name)
        return int(found)

    def names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        found = self.value.get(name)
        if found is None:
            return default
        if not isinstance(found, list) or len(found) > _MAX_NAMES:
            raise self._bad(name)
        return tuple(printable(item) for item in found if isinstance(item, str))

    def texts(self, name: str) -> dict[str, str]:
        found = self.value.get(name) or {}
        if not isinstance(found, dict) or len(found) > _MAX_NAMES:
            raise self._bad(name)
        return {printable(k): printable(v) for k, v in found.items() if isinstance(v, str)}

    def decimal(self, name: str) -> Decimal:
        found = self.value.get(name, "0")
        try:
            price = Decimal(found) if isinstance(found, str) and len(found) <= 40 else Decimal("NaN")
        except InvalidOperation:
            raise self._bad(name) from None
        if not price.is_finite() or not 0 <= price <= 10**12:
            raise self._bad(name)
        return price
