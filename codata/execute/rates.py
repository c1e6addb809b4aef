"""What tasks take: by operation, from the receipts that are at hand."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.home import Home
from codata.records.receipt import Receipt
from codata.records.task import Task

DEFAULT: Final = 2e-8
"""CPU seconds for a byte read, where no receipt says otherwise: 50 MB a second."""

_TRAFFIC: Final = 2.0  # bytes read and written for a byte read, where no receipt says otherwise

_LOOKED_AT: Final = 256
"""Receipts of the home that are looked at, the last ones first."""


class Rates:
    """CPU seconds, and bytes read and written, for a byte read, by operation."""

    def __init__(self) -> None:
        self._cpu_us: dict[str, int] = defaultdict(int)
        self._bytes: dict[str, int] = defaultdict(int)
        self._written: dict[str, int] = defaultdict(int)

    @classmethod
    def of(cls, home: Home) -> Rates:
        """What the home's last receipts say."""
        rates = cls()
        for task, receipt in home.ledger.recent(_LOOKED_AT):
            rates._take(home, task, receipt)
        return rates

    def _take(self, home: Home, task: CID, receipt: CID) -> None:
        try:
            self.add(Task.load(home.store, task).step, Receipt.load(home.store, receipt))
        except CidStoreError:
            return  # collected since, or never complete: a hint that is not there

    def add(self, operation: str, receipt: Receipt) -> None:
        """Learn from one more receipt."""
        self._cpu_us[operation] += receipt.cost.cpu_us
        self._bytes[operation] += receipt.cost.bytes_in
        self._written[operation] += receipt.cost.bytes_out

    def knows(self, operation: str) -> bool:
        """Whether any receipt says what it takes."""
        return bool(self._bytes.get(operation))

    def seconds(self, operation: str, size: int) -> float:
        """What a task that reads `size` bytes is expected to take of a CPU."""
        if not self.knows(operation):
            return size * DEFAULT
        return size * self._cpu_us[operation] / 1e6 / self._bytes[operation]

    def traffic(self, operation: str, size: int) -> float:
        """Bytes that a task which reads `size` bytes is expected to read and write."""
        if not self.knows(operation):
            return size * _TRAFFIC
        return size * (1 + self._written[operation] / self._bytes[operation])
