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
from codata.placement import HeldBits
from codata.placement.problem import Array
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
_ROWS: Final = 1 << 12  # CIDs whose holders are unpacked at once


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


class Pool:
    """Providers asked together. What they hold is remembered until `renew`. `tell` hears of every fault."""

    def __init__(
        self, urls: Sequence[str], me: Identity, tell: Callable[[str], None], *, silence: float = 30
    ) -> None:
        unique = list(dict.fromkeys(url.rstrip("/") for url in urls))[:MAX_PROVIDERS]
        self.members = [Member(i, Client(url, me, silence=silence), tell) for i, url in enumerate(unique)]
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="providers")
        self._held: dict[CID, int] = {}
        """Who said to hold it, or made it: member n is bit n, from the lowest."""
        self._asked: set[CID] = set()
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
        """Learn who holds these; each CID is asked for once until `renew`."""
        new = [cid for cid in dict.fromkeys(cids) if cid not in self._asked]
        serving = [m for m in self.members if m.serves]
        if not new or not serving:
            return

        def ask(member: Member) -> Array:
            try:
                return member.client.have(new)
            except CidStoreError as e:
                member.fault(e)
                return np.zeros(-(-len(new) // 8), np.uint8)

        table = HeldBits.turned(list(self._threads.map(ask, serving)), len(new))
        width = -(-len(self.members) // 8)
        at = np.array([m.number for m in serving])
        for start in range(0, len(new), _ROWS):
            batch = new[start : start + _ROWS]
            flags = np.zeros((len(batch), len(self.members)), np.uint8)
            flags[:, at] = table.rows(np.arange(start, start + len(batch)))
            rows = np.packbits(flags, axis=1, bitorder="little").tobytes()
            with self._lock:
                for i, cid in enumerate(batch):
                    self._held[cid] = int.from_bytes(rows[i * width : (i + 1) * width], "little")
        self._asked.update(new)

    def note(self, cid: CID, member: Member, holds: bool = True) -> None:
        """Learn by other ways that a member holds a CID, or does not."""
        bit = 1 << member.number
        with self._lock:
            now = self._held.get(cid, 0)
            self._held[cid] = now | bit if holds else now & ~bit

    def ask_again(self, cids: Iterable[CID]) -> None:
        """Forget that these were asked for."""
        self._asked.difference_update(cids)

    def holders(self, cid: CID) -> list[Member]:
        """The members that are known to hold a CID and would give it."""
        found: list[Member] = []
        bits = self._held.get(cid, 0)
        while bits:
            member = self.members[(bits & -bits).bit_length() - 1]
            bits &= bits - 1
            if member.serves:
                found.append(member)
        return found

    def table(self, cids: Sequence[CID], members: Sequence[Member]) -> HeldBits:
        """Who of `members` is known to hold which of `cids`."""
        width = -(-len(self.members) // 8)
        table = HeldBits(len(cids), len(members))
        at = np.array([m.number for m in members], np.int64)
        for start in range(0, len(cids), _ROWS):
            batch = cids[start : start + _ROWS]
            rows = b"".join(self._held.get(cid, 0).to_bytes(width, "little") for cid in batch)
            flags = np.unpackbits(
                np.frombuffer(rows, np.uint8).reshape(len(batch), width), axis=1, bitorder="little"
            )
            table.bits[start : start + len(batch)] = np.packbits(flags[:, at], axis=1)
        return table

    def dismiss(self, member: Member, task: CID) -> None:
        """Tell a member, whenever it listens, that a task is not waited for any more."""

        def cancel() -> None:
            with suppress(CidStoreError):
                member.client.cancel(task)

        self._threads.submit(cancel)
