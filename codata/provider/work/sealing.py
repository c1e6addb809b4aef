"""Sealing what tasks gave: receipts are looked at, made durable and signed for together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from codata import seals
from codata.errors import FalseClaim
from codata.provider.errors import to_value
from codata.provider.work import answers
from codata.provider.work.custody import Custody
from codata.provider.work.full import full_disks_named
from codata.provider.work.queue import Queue, State
from codata.provider.work.settings import Price
from codata.records.receipt import Receipt

_log = logging.getLogger("codata.provider")

LINGER: Final = 0.1
"""Seconds that a receipt waits for others to be sealed with it."""

Ended = Callable[[CID, State, dict[str, Any]], None]
"""Told of each task that has ended: its state, and what else is told of it."""

Again = Callable[[list[CID]], None]
"""Told of tasks whose end could not be written down."""


class Sealer(threading.Thread):
    """The thread that seals."""

    def __init__(self, custody: Custody, queue: Queue, price: Price, ended: Ended, again: Again) -> None:
        super().__init__(name="sealer", daemon=True)
        self._custody, self._queue, self._price = custody, queue, price
        self._ended, self._again = ended, again
        self._waiting: list[tuple[CID, CID]] = []
        self._change = threading.Condition()
        self._over = False

    def add(self, task: CID, receipt: CID) -> None:
        """Seal what a process says is its receipt for a task."""
        with self._change:
            self._waiting.append((task, receipt))
            self._change.notify_all()

    def stop(self) -> None:
        """Seal what waits, and end."""
        with self._change:
            self._over = True
            self._change.notify_all()
        self.join()

    def run(self) -> None:
        """Seal, a batch after another."""
        while batch := self._next():
            tasks = [task for task, _ in batch]
            try:
                self._try(batch, tasks)
            except Exception:  # noqa: BLE001 - whatever it is, the next batch is sealed
                _log.exception("a fault", extra={"fields": {"tasks": tasks}})
                self._again(tasks)

    def _next(self) -> list[tuple[CID, CID]]:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._over)
            if self._waiting:
                self._change.wait_for(lambda: len(self._waiting) >= seals.BATCH or self._over, LINGER)
            batch, self._waiting = self._waiting[: seals.BATCH], self._waiting[seals.BATCH :]
            return batch

    def _try(self, batch: list[tuple[CID, CID]], tasks: list[CID]) -> None:
        try:
            with self._custody.putting(), full_disks_named():
                self._seal(batch)
        except CidStoreError as e:
            _log.error("failed", extra={"fields": {"kind": e.kind, "message": e.message}})
            self._fail(tasks, e)

    def _seal(self, batch: list[tuple[CID, CID]]) -> None:
        good: list[tuple[CID, Receipt]] = []
        for task, cid in batch:
            try:
                good.append((cid, self._checked(task, cid)))
            except CidStoreError as e:
                self._fail([task], e)
        if not good:
            return
        self._custody.seal(good)
        done: list[tuple[CID, State, dict[str, Any]]] = []
        for cid, receipt in good:
            sealed = self._custody.sealed(cid)
            assert sealed is not None
            for did in self._queue.who(receipt.task):
                self._queue.count(did, receipt.task, self._custody.keep_results(did, cid, receipt))
            done.append((receipt.task, "done", answers.of_result(cid, receipt, sealed, self._price)))
        self._end(done)

    def _checked(self, task: CID, cid: CID) -> Receipt:
        """The receipt, once it is seen to be for the task, from here, and of what is here."""
        receipt = Receipt.load(self._custody.store, cid)
        if receipt.task != task or receipt.executor != self._custody.me:
            raise FalseClaim(f"the process gave a receipt that is not for task {task}", cid=task)
        if not self._custody.holds_results(receipt):
            raise BlockNotFound(f"the process did not leave all that its receipt {cid} names", cid=task)
        return receipt

    def _fail(self, tasks: list[CID], error: CidStoreError) -> None:
        self._end([(task, "failed", to_value(error)) for task in tasks])

    def _end(self, ended: list[tuple[CID, State, dict[str, Any]]]) -> None:
        self._queue.end(ended, self._custody.until())
        for one in ended:
            self._ended(*one)
