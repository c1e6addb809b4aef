"""One provider of a run: what it offered and did, and what went wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.records.receipt import Cost
from codata.remote.client import Client
from codata.remote.errors import NoPlace, ProviderFull, ProviderLied, ProviderRefused, ProviderStalled
from codata.remote.offer import Offer


@dataclass
class Member:
    """One provider. `word`: good, gone, full, refused, stalled or false; only the good get work."""

    number: int
    client: Client
    tell: Callable[[str], None]
    offer: Offer | None = None
    word: str = "gone"
    why: str = ""
    asked: float = -math.inf
    pulls: bool = True
    """Whether it fetched what it was told to fetch, so far."""
    tasks: int = 0
    cpu_us: int = 0
    price: Decimal = Decimal(0)
    bytes_sent: int = 0
    audited: int = 0
    disowned: bool = False
    """Whether what it did was put aside already."""
    faults: list[tuple[CidStoreError, tuple[CID, ...]]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        """Its URL, which is what people know it by."""
        return self.client.url

    @property
    def good(self) -> bool:
        """Whether it gets work."""
        return self.word == "good"

    @property
    def serves(self) -> bool:
        """Whether what it holds can be had from it: for that nobody needs its leave."""
        return self.word in ("good", "full", "refused")

    @property
    def terms(self) -> Offer:
        """Its offer; raises `NoPlace` where it made none."""
        if self.offer is None:
            raise NoPlace(self.because())
        return self.offer

    def because(self, why: str = "") -> str:
        """Its URL and a reason, by default why it gets no work."""
        why = why or self.why
        return why if why.startswith(self.url) else f"{self.url}: {why}"

    @property
    def bandwidth(self) -> float:
        """Bytes a second that it says reach it; 0 where it made no offer."""
        return self.offer.bandwidth if self.offer else 0.0

    def fault(self, error: CidStoreError, *evidence: CID) -> None:
        """Remember what went wrong, and give it no more work; who was false stays so."""
        with self.lock:
            self.faults.append((error, evidence))
            self.asked = time.monotonic()
            self.tell(error.message)
            if self.word != "false":
                self.word, self.why = _word(error), error.message

    def remember(self, error: CidStoreError) -> None:
        """Remember something that says nothing about its other work; the first of each kind is enough."""
        with self.lock:
            if all(known.kind != error.kind for known, _ in self.faults):
                self.faults.append((error, ()))
                self.tell(error.message)

    def sent(self, size: int) -> None:
        """Count bytes of inputs that were brought to it."""
        with self.lock:
            self.bytes_sent += size

    def did(self, cost: Cost) -> None:
        """Count a task that it ended, and what it asks for that."""
        self.tasks += 1
        self.cpu_us += cost.cpu_us
        traffic = cost.bytes_in + cost.bytes_out
        self.price += self.terms.cpu_price * cost.cpu_us / 10**6 + self.terms.gigabyte_price * traffic / 10**9


def _word(error: CidStoreError) -> str:
    for kind, word in (
        (ProviderLied, "false"),
        (ProviderFull, "full"),
        (ProviderRefused, "refused"),
        (ProviderStalled, "stalled"),
    ):
        if isinstance(error, kind):
            return word
    return "gone"
