"""The providers of a run: what each offered, holds and did, and what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import Final

import numpy as np

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.identity import Identity
from codata.records.receipt import Cost
from codata.remote.client import Client
from codata.remote.errors import (
    NoPlace,
    ProviderFull,
    ProviderLied,
    ProviderRefused,
    ProviderStalled,
)
from codata.remote.offer import Offer

MAX_PROVIDERS: Final = 1000
_AGAIN: Final = 30.0  # seconds after which a provider that was gone is asked again
_THREADS: Final = 32


@dataclass
class Member:
    """One provider. `word`: good, gone, full, refused, stalled or false; only the good get work."""

    number: int
    client: Client
    tell: Callable[[str], None]
    offer: Offer | None = None
    word: str = "gone"
    why: str = ""
    asked: float = -_AGAIN
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
            raise NoPlace(f"{self.url}: {self.why}")
        return self.offer

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


class Pool:
    """Providers asked together. What they hold is remembered until `renew`. `tell` hears of every fault."""

    def __init__(
        self, urls: Sequence[str], me: Identity, tell: Callable[[str], None], *, silence: float = 30
    ) -> None:
        unique = list(dict.fromkeys(url.rstrip("/") for url in urls))[:MAX_PROVIDERS]
        self.members = [Member(i, Client(url, me, silence=silence), tell) for i, url in enumerate(unique)]
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="providers")
        self._held: dict[CID, int] = {}
        """Bits by member number: who said to hold it, or made it."""
        self._asked: dict[CID, int] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Leave all."""
        for member in self.members:
            member.client.close()
        self._threads.shutdown(cancel_futures=True)

    def good(self) -> list[Member]:
        """Those that get work."""
        return [m for m in self.members if m.good]

    def to_disown(self) -> Member | None:
        """One that was found false and whose work still counts."""
        return next((m for m in self.members if m.word == "false" and m.tasks and not m.disowned), None)

    # -- who is there ----------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Ask for offers again: of those that are there, and after a while of the others but the false."""
        now = time.monotonic()
        due = [m for m in self.members if m.good or (m.word != "false" and now - m.asked > _AGAIN)]
        self._asked.clear()
        list(self._threads.map(self._ask, due))

    def _ask(self, member: Member) -> None:
        member.asked = time.monotonic()
        first = member.offer is None
        try:
            offer = member.client.offer()
            if member.offer is not None and offer.did != member.offer.did:
                raise ProviderLied(f"{member.url} was {member.offer.did} and now is {offer.did}")
        except CidStoreError as e:
            if member.good or first:
                member.fault(e)
            return
        member.offer, member.word, member.why = offer, "good", ""

    # -- who holds what --------------------------------------------------------------------------------------

    def locate(self, cids: Iterable[CID]) -> None:
        """Learn who holds these; each member is asked about a CID once until `renew`."""
        wanted = list(dict.fromkeys(cids))

        def ask(member: Member) -> None:
            bit = 1 << member.number
            new = [cid for cid in wanted if not self._asked.get(cid, 0) & bit]
            if not new:
                return
            try:
                flags = np.unpackbits(member.client.have(new), count=len(new)).astype(bool)
            except CidStoreError as e:
                member.fault(e)
                return
            with self._lock:
                for cid, here in zip(new, flags.tolist(), strict=True):
                    self._asked[cid] = self._asked.get(cid, 0) | bit
                    self._held[cid] = self._held.get(cid, 0) | bit if here else self._held.get(cid, 0) & ~bit

        list(self._threads.map(ask, [m for m in self.members if m.serves]))

    def note(self, cid: CID, member: Member, holds: bool = True) -> None:
        """Learn by other ways that a member holds a CID, or does not."""
        bit = 1 << member.number
        with self._lock:
            now = self._held.get(cid, 0)
            self._held[cid] = now | bit if holds else now & ~bit
            self._asked[cid] = self._asked.get(cid, 0) | bit

    def renew_about(self, member: Member, cids: Iterable[CID]) -> None:
        """Forget what is believed of a member and these CIDs: it is asked again."""
        bit = 1 << member.number
        with self._lock:
            for cid in cids:
                self._asked[cid] = self._asked.get(cid, 0) & ~bit

    def dismiss(self, member: Member, task: CID) -> None:
        """Tell a member, whenever it listens, that a task is not waited for any more."""

        def cancel() -> None:
            with suppress(CidStoreError):
                member.client.cancel(task)

        self._threads.submit(cancel)

    def holders(self, cid: CID) -> list[Member]:
        """The members that are known to hold a CID and would give it."""
        bits = self._held.get(cid, 0)
        return [m for m in self.members if bits >> m.number & 1 and m.serves]
