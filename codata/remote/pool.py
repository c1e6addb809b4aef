"""The providers of a run, asked together: who is there, and who holds what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Final

import numpy as np

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.identity import Identity
from codata.placement import HeldBits
from codata.placement.problem import Array
from codata.remote.client import Client
from codata.remote.errors import ProviderLied
from codata.remote.member import Member

MAX_PROVIDERS: Final = 1000
_AGAIN: Final = 30.0  # seconds after which a provider that was gone is asked again
_THREADS: Final = 32
_ROWS: Final = 1 << 12  # CIDs whose holders are unpacked at once


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
