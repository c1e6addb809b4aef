"""What works through the queue of pins: threads that fetch, each one pin at a time."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Final, Self

from cid_store import Store, open_store
from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    CorruptBlock,
    DecodeError,
    LimitExceeded,
    UnsupportedCodec,
    UnsupportedHash,
)
from cid_store.stores.gateway import GatewayStore
from cid_store.stores.gateway.client import Limits, Unreachable
from codata.provider.pins.arriving import Arriving
from codata.provider.pins.origins import Origins
from codata.provider.pins.settings import PinSettings
from codata.provider.pins.table import Requests, Row
from codata.provider.work.errors import DiskFull
from codata.provider.work.full import check_free, full_disks_named

_log = logging.getLogger("codata.provider")

_LIMITS: Final = Limits(redirects=0)
_PERIOD: Final = 60.0  # seconds after which the queue is looked at unasked
_PATIENCE: Final = 5.0  # seconds for a fetch to break off when the provider stops

_TOLD: Final[tuple[tuple[type[CidStoreError], str], ...]] = (
    # The first kind that fits. Which servers the settings name, and where the store lies, is not told.
    (CorruptBlock, "an origin sent wrong bytes for {cid}"),
    (UnsupportedCodec, "{cid} is of a codec whose links are not known here"),
    (UnsupportedHash, "{cid} is named by a hash that is not known here"),
    (LimitExceeded, "{cid} is over a limit of what is taken from elsewhere"),
    (DecodeError, "{cid} does not follow its format"),
    (Unreachable, "an origin could not be reached, or broke off"),
    (DiskFull, "the provider's disk is full"),
)


class Ended(CidStoreError):
    """A fetch that is not to go on: its request was removed, or the provider stops."""


class OverBudget(LimitExceeded):
    """A fetch that takes more than the settings give it."""


@dataclass(frozen=True, slots=True)
class _Budget:
    """What one fetch may take; called with the bytes that are about to be written to `store`."""

    row: Row
    requests: Requests
    settings: PinSettings
    store: Store
    until: float
    stopping: threading.Event

    def __call__(self, size: int) -> None:
        check_free(self.store, self.settings.keep_free + size)
        most = self.settings.max_bytes
        if self.requests.total(self.row.account) + size > most:
            raise _over(most)
        if time.monotonic() > self.until:
            raise OverBudget("the fetch took longer than one may")
        if self.stopping.is_set() or not self.requests.came(self.row, size):
            raise Ended("the pin is no longer wanted")


def _over(most: int) -> OverBudget:
    return OverBudget(
        f"the pins of this account may have {most} bytes, and this is more; what removed ones"
        " had counts until the provider has deleted it"
    )


class Fetcher:
    """Fetches what is queued, from when it is entered until it is left. `wake` it when something was."""

    def __init__(self, store_url: str, requests: Requests, origins: Origins, settings: PinSettings) -> None:
        self._store_url, self._requests = store_url, requests
        self._origins, self._settings = origins, settings
        self._stopping = threading.Event()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._requests.restart()
        for number in range(self._settings.fetches):
            thread = threading.Thread(target=self._work, name=f"pins-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *exc: object) -> None:
        """What is being fetched is broken off, and goes on after the next start."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def wake(self) -> None:
        """Look at the queue."""
        with self._ready:
            self._ready.notify_all()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                row = self._requests.take()
                if row is not None:
                    self._fetch(row)
                    continue
            except Exception:  # noqa: BLE001 - a full disk ends no thread: it may have room again
                _log.exception("the queue of pins can't be worked through")
            with self._ready:
                if not self._stopping.is_set():
                    self._ready.wait(_PERIOD)

    def _fetch(self, row: Row) -> None:
        try:
            count, size = self._bring(row)
            if not self._requests.pinned(row, size, self._settings.max_bytes, f"{count} blocks"):
                raise _over(self._settings.max_bytes)
        except Ended:
            return
        except Exception as e:  # noqa: BLE001 - whatever one pin does, the next is fetched
            fields = {"cid": row.pin.cid, "request": row.id, "error": f"{type(e).__name__}: {e}"}
            _log.warning("a pin failed", extra={"fields": fields})
            self._requests.end(row, "failed", told(e))

    def _bring(self, row: Row) -> tuple[int, int]:
        urls, until = self._origins.choose(row.pin.origins), time.monotonic() + self._settings.seconds
        # A store of its own: what is put is safe from `gc` until it is closed, and by then it is kept.
        with open_store(self._store_url) as store, full_disks_named():
            store.relax()
            allow = _Budget(row, self._requests, self._settings, store, until, self._stopping)
            if not urls:
                return Arriving(store, None, allow).bring(row.pin.cid)
            with GatewayStore(*urls, limits=_LIMITS) as gateways:
                return Arriving(store, gateways, allow).bring(row.pin.cid)


def told(error: Exception) -> str:
    """Why a pin failed, for who asked for it."""
    cid = getattr(error, "cid", None) or "a block"
    if isinstance(error, BlockNotFound):
        return f"{cid} is neither here nor at an origin that this provider may ask"
    if isinstance(error, OverBudget):
        return error.message
    words = (text for kind, text in _TOLD if isinstance(error, kind))
    return next(words, "the provider failed at this; its log says why").format(cid=cid)
