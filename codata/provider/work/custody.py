"""What a provider keeps for those who ask it: blocks that were pushed, and results until they are taken.

A home of its own on the same folder, so that threads of tasks and those of requests never share a connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from cid_store.cid import CID, DAG_CBOR, DAG_PB
from cid_store.stores.local import LocalStore
from codata import seals
from codata.closure import PAGE
from codata.collect import collect, local
from codata.execute.known import all_outputs
from codata.home import Home
from codata.kept import ROW
from codata.ledger import Sealed
from codata.provider.work.below import here_below
from codata.provider.work.fetching import missing
from codata.provider.work.full import check_free
from codata.records import pages
from codata.records.base import kind_of
from codata.records.receipt import Receipt

_OWNER: Final = "tasks"
_GRACE: Final = 3600.0
"""Seconds that results are kept beyond what is promised: they are let go when their task is forgotten."""


class Custody:
    """The home under a lock. `seconds`: how long things are kept; `keep_free`: bytes of disk to spare."""

    def __init__(self, home: Home, seconds: float, keep_free: int) -> None:
        self._home = Home(home.path, store_url=home.store_url)
        self.store: LocalStore = local(self._home)
        self.me = self._home.identity.did
        self.home_path = home.path
        self._lock = threading.RLock()
        self._seconds, self._keep_free = seconds, keep_free
        self._busy = 0

    def close(self) -> None:
        """Close the home."""
        self._home.close()

    def until(self) -> float:
        """When what is asked for now expires, in seconds since 1970."""
        return time.time() + self._seconds

    def trusted(self) -> Iterable[str]:
        """The DIDs that the home trusts."""
        with self._lock:
            return self._home.trust.all()

    def check_space(self) -> None:
        """Raise `DiskFull` where less is free than should be."""
        check_free(self.store, self._keep_free)

    @contextmanager
    def putting(self) -> Iterator[None]:
        """While blocks are put and not yet kept: the store goes on protecting them."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1

    # -- what was pushed -------------------------------------------------------------------------------------

    def pushed(self, did: str) -> int:
        """The bytes kept for `did` of what it has pushed, and those of results that it let go of and that lie
        here still."""
        with self._lock:
            return self._home.kept.total(_pushed_by(did)) + self._home.kept.lingers(_pushed_by(did))

    def keep_pushed(self, did: str, blocks: Sequence[tuple[CID, int]]) -> None:
        """Keep blocks, of so many bytes each and `ROW` beside them, that `did` has pushed."""
        with self._lock:
            counted = [(cid, size + ROW) for cid, size in blocks]
            self._home.kept.keep(_pushed_by(did), counted, until=self.until())

    def lasting(self, did: str) -> int:
        """The bytes that copies of `did` count for."""
        with self._lock:
            return self._home.kept.copied(did)

    def copy_growth(self, did: str, root: CID, sizes: Mapping[CID, int]) -> int:
        """The bytes by which a copy of `root` for `did` grows by these blocks."""
        with self._lock:
            return self._home.kept.growth(did, root, sizes)

    def keep_copy(self, did: str, root: CID, sent: Sequence[CID], most: int) -> bool:
        """Keep blocks of a copy of `root` that `did` has sent, and what is here below them, until `did` lets
        go of it. False, and nothing more is kept, where that is over `most` bytes. Raises `LimitExceeded`.
        """
        blocks = here_below(self.store, sent)
        with self._lock:
            return self._home.kept.copy(did, root, blocks, most)

    def release_copy(self, did: str, root: CID) -> bool:
        """Let go of a copy; False where `did` had none."""
        with self._lock:
            return self._home.kept.drop_copy(did, root)

    def keep_own(self, cid: CID) -> None:
        """Keep a record of this provider, without end."""
        with self._lock:
            self._home.kept.keep(_OWNER, [(cid, 0)])

    def keep_inputs(self, did: str, task: CID, cids: Sequence[CID]) -> None:
        """Keep what a task reads, here already or still to come, until its results expire."""
        with self._lock:
            self._home.kept.extend(_pushed_by(did), (task, *cids), self.until())
            self._keep(did, task, (task, *cids))

    # -- results ---------------------------------------------------------------------------------------------

    def make_durable(self, *receipts: tuple[CID, Receipt]) -> None:
        """Make receipts and what they name survive a power failure."""
        self.store.persist(
            dict.fromkeys(c for cid, r in receipts for c in (cid, r.task, r.environment, *all_outputs(r)))
        )

    def seal(self, receipts: Sequence[tuple[CID, Receipt]]) -> None:
        """Make receipts and what they name durable, and seal them together."""
        self.make_durable(*receipts)
        with self._lock:
            for cid, receipt in receipts:
                self._home.ledger.record(receipt.task, cid, receipt.executor, all_outputs(receipt))
            self.store.persist([seals.make(self._home, [cid for cid, _ in receipts])])

    def sealed(self, receipt: CID) -> Sealed | None:
        """Where a receipt is sealed."""
        with self._lock:
            return self._home.ledger.sealed(receipt)

    def receipts(self, task: CID) -> list[CID]:
        """The receipts of this provider for a task, the last one first."""
        with self._lock:
            found = self._home.ledger.receipts(task)
        return [cid for cid, executor in reversed(found) if executor == self.me]

    def lacks(self, cids: Sequence[CID]) -> list[CID]:
        """Those of these that are not held in full; the others are protected from `gc` while `putting`."""
        self.store.touch(cids)
        return missing(self.store, cids)

    def holds_results(self, receipt: Receipt) -> bool:
        """Whether all that a receipt names is here; protected as by `lacks`."""
        return not self.lacks([receipt.environment, *all_outputs(receipt)])

    def keep_results(self, did: str, cid: CID, receipt: Receipt) -> int:
        """Keep for `did` what a task gave, with its receipt and seal; the bytes of it."""
        sealed = self.sealed(cid)
        proofs = [receipt.task, cid, receipt.environment, *([sealed.seal] if sealed else [])]
        lists = [page for out in all_outputs(receipt) for page in self._pages(out)]
        with self._lock:
            self._keep(did, receipt.task, [*proofs, *all_outputs(receipt), *lists])
        return receipt.cost.bytes_out

    def release(self, did: str, task: CID, size: int) -> None:
        """Let go of a task's inputs and results, as far as `did` had them kept; they counted for so many
        bytes, and do until garbage is collected: else who lets go at once could fill the disk."""
        with self._lock:
            self._home.kept.release(_results_for(did, task))
            if size:
                self._home.kept.linger(_pushed_by(did), size)

    def sweep(self, ended: Iterable[tuple[str, CID]]) -> bool:
        """Let go of what nobody wants any more and of what has expired; whether anything can be deleted."""
        with self._lock:
            gone = sum(self._home.kept.release(_results_for(did, task)) for did, task in ended)
            gone += self._home.kept.sweep(time.time())
            if not self._busy:
                self.store.settle()
            return gone > 0 or bool(self._home.kept.lingering())

    def collect(self) -> bool:
        """Delete what the home does not keep; False, and nothing done, while blocks are being put."""
        with self._lock:
            if self._busy:
                return False
            self.store.settle()
        # It may take long, and nobody waits for it: what is put meanwhile is protected by its own hold.
        with Home(self.home_path, store_url=self._home.store_url) as home:
            collect(home)
        return True

    def _pages(self, cid: CID) -> Iterator[CID]:
        if cid.codec == DAG_CBOR and kind_of(self.store, cid) == PAGE:
            yield from pages.cids(self.store, cid)

    def _keep(self, did: str, task: CID, cids: Iterable[CID]) -> None:
        trees: list[tuple[CID, int]] = []
        singles: list[tuple[CID, int]] = []
        for cid in dict.fromkeys(cids):
            (trees if cid.codec == DAG_PB else singles).append((cid, 0))
        owner, until = _results_for(did, task), self.until() + _GRACE
        self._home.kept.keep(owner, singles, until=until)
        if trees:
            self._home.kept.keep(owner, trees, kind="recursive", until=until)


def _pushed_by(did: str) -> str:
    return f"{_OWNER} {did}"


def _results_for(did: str, task: CID) -> str:
    return f"{_OWNER} {did} {task}"
