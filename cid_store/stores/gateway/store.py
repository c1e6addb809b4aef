"""The store over gateways: read-only, each block from whoever sends the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

from cid_store import multihash
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, CorruptBlock, LimitExceeded, StoreError, UsageError
from cid_store.store import Store
from cid_store.stores.ahead import fetch_ahead
from cid_store.stores.gateway.client import IN_FLIGHT, Client, Limits, Standing, worst
from cid_store.stores.gateway.origin import parse_origins

_AHEAD: Final = 2 * IN_FLIGHT  # blocks fetched ahead of the reader: 128 MiB at most

T = TypeVar("T")


class ReadOnlyStore(UsageError):
    """A store that can be read and not written."""

    default_next = "put the blocks in another store, and let the gateway's owner pin them"


class GatewayStore(Store):
    """Blocks behind one or several trustless gateways. What they say is proven; that they have a block is
    believed.
    """

    scheme = "https"

    def __init__(self, *urls: str, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.client = Client(parse_origins(",".join(urls)), limits)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="gateway")

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The gateways of `https://a/,https://b/`."""
        return cls(url)

    def __str__(self) -> str:
        return ", ".join(str(origin) for origin in self.client.origins)

    def close(self) -> None:
        """Stop the threads and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self.client.close()

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in order, each proven, with many requests under way."""
        return fetch_ahead(self.get, cids, self._pool, _AHEAD)

    def _read(self, cid: CID) -> bytes:
        def proven(standing: Standing) -> bytes:
            data = self.client.block(standing, cid)
            try:
                # The base class proves it too; here it decides whether the next gateway is asked.
                cid.check(data)
            except CorruptBlock as e:
                raise CorruptBlock(
                    f"{standing.origin} sends wrong bytes for block {cid}",
                    cid=cid,
                    next_step="name another gateway",
                ) from e
            return data

        return self._first(cid, proven)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        return list(self._pool.map(self._holds, cids))

    def _holds(self, cid: CID) -> bool:
        def held(standing: Standing) -> bool:
            if not self.client.has(standing, cid):
                raise BlockNotFound("", cid=cid)
            return True

        if cid.hash_code == multihash.IDENTITY:
            return True
        try:
            return self._first(cid, held)
        except BlockNotFound:
            return False

    def _first(self, cid: CID, attempt: Callable[[Standing], T]) -> T:
        """What the first gateway gives that does not fail; those that could not answer are asked again."""
        for round_number in range(self.client.limits.rounds):
            if round_number:
                self.client.rest(round_number)
            errors: list[CidStoreError] = []
            for standing in self.client.standings():
                try:
                    return attempt(standing)
                except (CorruptBlock, LimitExceeded) as e:
                    self.client.lied(standing)
                    errors.append(e)
                except (BlockNotFound, StoreError) as e:
                    errors.append(e)
            if not any(isinstance(e, StoreError) for e in errors):
                break  # all have spoken: asking again changes nothing
        raise worst(errors, cid)

    def _write(self, blocks: Sequence[Block]) -> None:
        raise ReadOnlyStore(f"{self} can't be written to")

    def _delete(self, cids: Sequence[CID]) -> None:
        raise ReadOnlyStore(f"{self} can't be told to forget blocks")

    def _cids(self) -> Iterator[CID]:
        raise UsageError(f"{self} can't be listed", next_step="name the roots that you want")
