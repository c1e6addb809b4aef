"""Asking providers what they hold: their own word, which `codata.holdings.challenge` puts to the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, StoreError
from cid_store.stores.gateway import GatewayStore
from cid_store.stores.gateway.origin import MAX_GATEWAYS
from cid_store.stores.overlay import OverlayStore
from codata.holdings.parts import Parts
from codata.home import Home
from codata.remote.client import Client
from codata.remote.errors import ProviderRefused

_AT_ONCE: Final = 16  # providers asked at once
_LINES: Final = 1 << 16  # CIDs in one request

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Holder:
    """A provider's word: which pieces, in the order of the parts, and whether it has the records. `error`:
    why it gave none. `did`: who it has proven to be, "" where it has not."""

    url: str
    pieces: Flags
    records: bool = False
    error: CidStoreError | None = None
    did: str = ""

    @property
    def name(self) -> str:
        """What it is told apart by: a provider may have several URLs."""
        return self.did or self.url

    def size(self, parts: Parts) -> int:
        """Bytes of the pieces that it says it holds."""
        return sum(p.size for p, held in zip(parts.pieces, self.pieces, strict=True) if held)


@dataclass(frozen=True)
class Holdings:
    """What all providers say of a root."""

    parts: Parts
    holders: tuple[Holder, ...]

    @property
    def copies(self) -> npt.NDArray[np.int64]:
        """How many say that they hold each piece; one of several URLs counts once."""
        held: dict[str, Flags] = {}
        for holder in self.holders:
            held[holder.name] = held[holder.name] | holder.pieces if holder.name in held else holder.pieces
        total = np.zeros(len(self.parts.pieces), np.int64)
        for pieces in held.values():
            total += pieces
        return total

    @property
    def aliases(self) -> list[tuple[str, str]]:
        """URLs of providers that have another one before, which is named beside them."""
        first: dict[str, str] = {}
        urls = [(holder.url, first.setdefault(holder.name, holder.url)) for holder in self.holders]
        return [(url, known) for url, known in urls if url != known]

    @property
    def nowhere(self) -> list[CID]:
        """The pieces that nobody says to hold."""
        return [p.cid for p, copies in zip(self.parts.pieces, self.copies, strict=True) if not copies]


@contextmanager
def clients(home: Home, urls: Sequence[str]) -> Iterator[list[Client]]:
    """Providers to be asked in the home's name."""
    opened = [Client(url, home.identity) for url in urls]
    try:
        yield opened
    finally:
        for client in opened:
            client.close()


@contextmanager
def reach(home: Home, urls: Sequence[str]) -> Iterator[Store]:
    """The home's store, and behind it what providers give; nothing that they give is kept."""
    store = home.store
    with ExitStack() as opened:
        for at in range(0, len(urls), MAX_GATEWAYS):
            behind = opened.enter_context(GatewayStore(*urls[at : at + MAX_GATEWAYS]))
            store = _Either(store, behind)
        yield store


class _Either(OverlayStore):
    """Reads what either has; that one of them fails is no reason not to ask the other."""

    def _read(self, cid: CID) -> bytes | memoryview:
        try:
            return self.front._read(cid)
        except (BlockNotFound, StoreError):
            return self.back._read(cid)


def ask(parts: Parts, asked: Sequence[Client]) -> Holdings:
    """What each says that it holds. A provider that fails is among them, with its error and nothing held."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return Holdings(parts, tuple(pool.map(lambda client: holder(parts, client), asked)))


def holder(parts: Parts, client: Client) -> Holder:
    """One provider's word."""
    try:
        did = _did(client)
        held = claimed(client, [*parts.records, *(piece.cid for piece in parts.pieces)])
    except CidStoreError as e:
        return Holder(client.url, np.zeros(len(parts.pieces), np.bool_), error=e)
    records = len(parts.records)
    return Holder(client.url, held[records:], bool(held[:records].all()), did=did)


def _did(client: Client) -> str:
    with suppress(ProviderRefused):  # of another make: it has the answer to `/have` and no other
        return client.did()
    return ""


def claimed(client: Client, cids: Sequence[CID]) -> Flags:
    """Which of these CIDs a provider says that it holds in full."""
    flags = [np.zeros(0, np.bool_)]
    for at in range(0, len(cids), _LINES):
        batch = cids[at : at + _LINES]
        flags.append(np.unpackbits(client.have(batch), count=len(batch)).astype(np.bool_))
    return np.concatenate(flags)
