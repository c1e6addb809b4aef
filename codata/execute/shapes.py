"""What tasks gave for what they read: by operation, from receipts that are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.needs import names_in
from codata.home import Home
from codata.records import pages
from codata.records.receipt import Output, Receipt
from codata.records.task import Task

_LOOKED_AT: Final = 1024
"""Receipts of the home that are looked at, the last ones first."""

_FRAME: Final = 256
"""Bytes of a file beside its rows, and of each of its batches, about: Arrow's schema, footer and padding."""

GROWTH: Final = 64.0
"""Rows are taken to grow by this at most, whatever receipts say: they may be others' words."""

Names = tuple[str, ...]


def frame(buckets: int) -> int:
    """Bytes of a file beside its rows; a table has no buckets."""
    return _FRAME * (1 + buckets)


def buckets_of(task: Task) -> int:
    """How many batches the files of this task have: 0 where it makes tables."""
    split = task.params.get("split")
    found = split.get("buckets") if isinstance(split, Mapping) else None
    return found if isinstance(found, int) and found > 0 else 0


class Shapes:
    """Rows, and bytes of rows, for a byte of rows read, by operation and output.

    Of a partition file a task reads one batch: only that counts as read.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[Names, str], list[float]] = {}

    @classmethod
    def of(cls, home: Home) -> Shapes:
        """What the home's last receipts say."""
        shapes = cls()
        for task, receipt in home.ledger.recent(_LOOKED_AT):
            try:
                done = Task.load(home.store, task)
                dealt = _dealt(home, done)
                if dealt is not None:
                    shapes.add(done, Receipt.load(home.store, receipt), dealt)
            except CidStoreError:
                continue  # collected since, or never complete: a hint that is not there
        return shapes

    def add(self, task: Task, receipt: Receipt, dealt: tuple[int, int] = (1, 0)) -> None:
        """Learn from one more receipt. `dealt`: how many files its task read, and how many batches each
        has."""
        files, buckets = dealt
        read = max(0, receipt.cost.bytes_in - files * frame(buckets)) / max(1, buckets)
        if not read:
            return
        tables = sum(o.size for o in receipt.out.values() if o.hash is not None)
        others = sum(o.hash is None for o in receipt.out.values())
        each = max(0, receipt.cost.bytes_out - tables) / max(1, others) - frame(buckets_of(task))
        for name, output in receipt.out.items():
            sums = self._sums.setdefault((names_in(task), name), [0.0, 0.0, 0.0])
            for i, more in enumerate((read, output.rows, max(0.0, _bytes(output, each)))):
                sums[i] += more

    def seen(self, task: Task, output: str) -> tuple[float, float] | None:
        """Rows, and bytes, that an output of such a task has for each byte of rows read; None where no
        receipt says."""
        sums = self._sums.get((names_in(task), output))
        if sums is None:
            return None
        read, rows, size = sums
        return min(rows / read, GROWTH), min(size / read, GROWTH)


def _bytes(output: Output, each: float) -> float:
    return output.size if output.hash is not None else each


def _dealt(home: Home, task: Task) -> tuple[int, int] | None:
    """How many files a task read, and how many batches each has; None where it read of several kinds."""
    kinds: set[int] = set()
    files = 0
    for name, value in task.inputs.items():
        # Of a long list no more than its beginning is read: a home's last tasks may have listed millions.
        files += pages.count(home.store, value) if isinstance(value, CID) else len(value)
        kinds.update(_batches(home, cid) for cid in islice(task.input_cids(home.store, name), 1))
    return (files, kinds.pop()) if len(kinds) == 1 else None


def _batches(home: Home, cid: CID) -> int:
    for maker in home.ledger.makers(cid)[:1]:
        return buckets_of(Task.load(home.store, maker))
    return 0
