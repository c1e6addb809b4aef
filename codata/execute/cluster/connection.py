"""The connection to a Dask cluster: its client, its workers, and questions to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any

from distributed import Client, Security

from cid_store.errors import UsageError
from codata.errors import TaskFailed
from codata.execute.cluster.peers import Peers
from codata.execute.cluster.plugin import Placement
from codata.execute.cluster.shelf import Ask, Shelf


class Connection:
    """A scheduler at an address, reached on first need; raises `UsageError` for what is no address."""

    def __init__(self, address: str, tls: tuple[str, str, str] | None, timeout: float) -> None:
        if not address.startswith(("tcp://", "tls://")):
            raise UsageError(
                f"{address!r} is no scheduler address", next_step="write it as tcp://host:port or tls://…"
            )
        self.address, self._tls, self._timeout = address, tls, timeout
        self._own: dict[str, bool] = {}

    @cached_property
    def client(self) -> Client:
        """Dask's client; raises `TaskFailed` where there is no scheduler or no worker."""
        security = None
        if self._tls:
            ca, cert, key = self._tls
            security = Security(  # type: ignore[no-untyped-call]
                tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True
            )
        try:
            client = Client(  # type: ignore[no-untyped-call]
                self.address, security=security, timeout=self._timeout, set_as_default=False
            )
        except (OSError, TimeoutError) as e:
            raise TaskFailed(
                f"no Dask scheduler answers at {self.address}: {e}",
                next_step="start one with `dask scheduler`, or run without --cluster",
            ) from None
        try:
            self._wait(client, 1)
        except TaskFailed:
            client.close()  # type: ignore[no-untyped-call]
            raise
        self._peers = Peers(client.rpc.connection_args)
        client.sync(self._peers.start)  # type: ignore[no-untyped-call]
        client.register_plugin(Shelf())
        return client

    def wait(self, workers: int) -> None:
        """Wait until so many workers are there; raises `TaskFailed`."""
        self._wait(self.client, workers)

    def _wait(self, client: Client, workers: int) -> None:
        try:
            client.wait_for_workers(workers, timeout=self._timeout)
        except TimeoutError:
            raise TaskFailed(
                f"the Dask scheduler at {self.address} has {len(client.nthreads()) or 'no'} workers",  # type: ignore[no-untyped-call]
                next_step=f"start some with `dask worker {self.address}`, or run without --cluster",
            ) from None

    @property
    def apart(self) -> bool:
        """Whether some worker has a store of its own: then tasks are placed by what stores hold."""
        if new := self.threads().keys() - self._own.keys():
            self._own.update(self.ask_all("codata_own", new))
        return any(self._own.values()) and self._placing

    @cached_property
    def _placing(self) -> bool:
        """That the scheduler heeds where tasks should go; raises `TaskFailed` where it can't."""
        try:
            self.client.register_plugin(Placement())
        except (ImportError, ValueError) as e:
            raise TaskFailed(
                f"the Dask scheduler at {self.address} can't place tasks by what workers hold: {e}",
                next_step="start it where this version of codata-pipeline is installed, with pickle allowed",
            ) from None
        return True

    def close(self) -> None:
        """Leave."""
        client = self.__dict__.pop("client", None)
        if client is not None:
            client.sync(self._peers.close)
            client.close()

    def threads(self) -> dict[str, int]:
        """The workers that are there, and how many tasks each runs at once."""
        return dict(self.client.nthreads())  # type: ignore[no-untyped-call]

    def asking(self, address: str) -> Ask:
        """What asks this worker."""
        return partial(self._ask_one, address)

    def ask_all(self, answer: str, workers: Iterable[str], **asked: Any) -> Mapping[str, Any]:
        """What each of these workers answers that does."""
        addresses = list(workers)

        async def all_of_them() -> list[Any]:
            calls = (self._peers.ask(address, answer, asked) for address in addresses)
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = self.client.sync(all_of_them)  # type: ignore[no-untyped-call]
        told = zip(addresses, answers, strict=True)
        return {address: value for address, value in told if not isinstance(value, BaseException)}

    def _ask_one(self, address: str, answer: str, **asked: Any) -> Any:
        return self.client.sync(self._peers.ask, address, answer, asked)  # type: ignore[no-untyped-call]
