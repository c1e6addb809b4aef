"""Spreading copies: what each provider is to hold is sent there, and what it then says it holds is seen.

Safe to break off and to begin again: what a provider holds by then is not sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import numpy as np

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.closure import closure
from codata.holdings.ask import Flags, claimed
from codata.holdings.parts import Parts, Piece
from codata.holdings.spread import spread
from codata.remote.client import Client
from codata.remote.errors import ProviderError, ProviderLied

_AT_ONCE: Final = 8  # providers that are sent to at once
_UPLOAD: Final = 16 * 1024 * 1024  # bytes of one request, where the provider would take more: it is in memory

Progress = Callable[[int, int], None]
"""Told of the bytes sent so far, and of those that are to be sent."""


@dataclass
class Place:
    """One provider: what it held before, what it holds now, what was sent, and why it was given up."""

    url: str
    before: Flags
    now: Flags
    sent: int = 0
    error: CidStoreError | None = None


@dataclass(frozen=True)
class Copies:
    """What became of it all. `wanted`: copies of each piece that were asked for."""

    parts: Parts
    wanted: int
    places: tuple[Place, ...]

    @property
    def fewest(self) -> int:
        """The copies of the piece that has fewest."""
        total = np.sum([place.now for place in self.places], axis=0)
        return int(total.min()) if np.size(total) else sum(bool(place.sent) for place in self.places)

    @property
    def done(self) -> bool:
        """Whether every piece is on as many providers as was asked for."""
        return self.fewest >= self.wanted


@dataclass
class _Counter:
    tell: Progress | None
    total: int = 0
    sent: int = 0
    lock: Lock = field(default_factory=Lock)

    def plan(self, size: int) -> None:
        with self.lock:
            self.total += size

    def add(self, size: int) -> None:
        with self.lock:
            self.sent += size
            if self.tell is not None:
                self.tell(self.sent, self.total)


def push(
    parts: Parts, store: Store, clients: Sequence[Client], copies: int, progress: Progress | None = None
) -> Copies:
    """Have every piece on `copies` of these providers, from `store`, kept there for this home's DID.

    Who holds a piece keeps it. A provider that fails is given up, and others hold in its place what it was
    to hold; so fewer copies than asked for may be there at the end. Raises `BlockNotFound` for what neither
    the store nor a provider has.
    """
    counter = _Counter(progress)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        targets = _once(pool.map(lambda client: _target(client, parts), clients))
        while True:
            able = [target for target in targets if target.place.error is None]
            errands = _errands(parts, able, copies)
            counter.plan(sum(piece.size for _, pieces in errands for piece in pieces))
            list(pool.map(lambda errand: _send(parts, store, errand[0], errand[1], counter), errands))
            if all(target.place.error is None for target in able):
                return Copies(parts, copies, tuple(target.place for target in targets))


@dataclass(frozen=True)
class _Target:
    """A provider that may be sent to: its lasting name, and bytes of one upload."""

    client: Client
    place: Place
    name: str = ""
    limit: int = 0


def _target(client: Client, parts: Parts) -> _Target:
    none = np.zeros(len(parts.pieces), np.bool_)
    try:
        offer = client.offer()
        held = claimed(client, [piece.cid for piece in parts.pieces])
    except CidStoreError as e:
        return _Target(client, Place(client.url, none, none, error=e))
    return _Target(client, Place(client.url, held, held), offer.did, min(offer.upload, _UPLOAD))


def _once(targets: Iterable[_Target]) -> list[_Target]:
    """Each provider once, whatever URLs it has: two copies with one provider are one."""
    known: dict[str, str] = {}
    found: list[_Target] = []
    for target in targets:
        first = known.setdefault(target.name, target.client.url) if target.name else target.client.url
        if first != target.client.url:
            none = np.zeros_like(target.place.before)
            same = ProviderError(f"{target.client.url} is the provider at {first}")
            target = _Target(target.client, Place(target.client.url, none, none, error=same))
        found.append(target)
    return found


def _errands(parts: Parts, able: Sequence[_Target], copies: int) -> list[tuple[_Target, list[Piece]]]:
    """Who is to be sent what: those who are to hold any piece, with the ones that they lack."""
    names = [target.name for target in able]
    if not parts.pieces:
        chosen = spread([parts.root], names, np.zeros((len(able), 1), np.bool_), copies)
        return [(target, []) for target, wanted in zip(able, chosen, strict=True) if wanted.any()]
    held = np.array([target.place.now for target in able]).reshape(len(able), len(parts.pieces))
    wanted = spread([piece.cid for piece in parts.pieces], names, held, copies)
    return [
        (target, _missing(parts, have, want))
        for target, have, want in zip(able, held, wanted, strict=True)
        if want.any()
    ]


def _missing(parts: Parts, held: Flags, wanted: Flags) -> list[Piece]:
    return [piece for piece, want in zip(parts.pieces, wanted & ~held, strict=True) if want]


def _send(parts: Parts, store: Store, target: _Target, pieces: Sequence[Piece], counter: _Counter) -> None:
    """Send records first: by them is kept what follows, and what was there before."""
    client, place = target.client, target.place
    try:
        place.sent += client.upload(_blocks(store, parts.records), target.limit, parts.root)
        for piece in pieces:
            blocks = _blocks(store, closure(store, [piece.cid]))
            place.sent += client.upload(blocks, target.limit, parts.root)
            counter.add(piece.size)
        place.now = claimed(client, [piece.cid for piece in parts.pieces])
    except (ProviderError, ProviderLied) as e:
        place.error = e
        return
    lacking = _missing(parts, place.now, np.isin([p.cid for p in parts.pieces], [p.cid for p in pieces]))
    if lacking:
        cid = lacking[0].cid
        place.error = ProviderLied(f"{client.url} took {cid} and says that it does not hold it", cid=cid)


def _blocks(store: Store, cids: Iterable[CID]) -> Iterator[Block]:
    return store.get_many(cids)
