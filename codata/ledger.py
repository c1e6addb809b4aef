"""The ledger of a home: which work was done, by whom, and where that is proven and attested.

An index over records that are blocks of the store: what it says of them can be read from them again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from cid_store.cid import CID
from codata.database import transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipts (
    number INTEGER PRIMARY KEY, task TEXT NOT NULL, receipt TEXT NOT NULL, executor TEXT NOT NULL,
    UNIQUE (task, receipt)
);
CREATE TABLE IF NOT EXISTS sealed (
    receipt TEXT PRIMARY KEY, seal TEXT NOT NULL, idx INTEGER NOT NULL, proof BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (
    cid TEXT NOT NULL, task TEXT NOT NULL, PRIMARY KEY (cid, task)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS run_outputs (
    output TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (output, run)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attestations (
    run TEXT NOT NULL, attestation TEXT NOT NULL, PRIMARY KEY (run, attestation)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where a receipt is sealed: the seal, the receipt's leaf index, its audit path."""

    seal: CID
    index: int
    proof: tuple[bytes, ...]


class Ledger:
    """What is known of work done."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(_SCHEMA)

    def record(self, task: CID, receipt: CID, executor: str, outputs: Iterable[CID]) -> None:
        """Remember a receipt: by its task for the cache, by its outputs to find again what made them."""
        with transaction(self._db) as db:
            db.execute(
                "INSERT OR IGNORE INTO receipts (task, receipt, executor) VALUES (?, ?, ?)",
                (task, receipt, executor),
            )
            db.executemany("INSERT OR IGNORE INTO made VALUES (?, ?)", [(cid, task) for cid in outputs])

    def receipts(self, task: CID) -> list[tuple[CID, str]]:
        """Every receipt known for a task, with its executor, in the order in which they came."""
        rows = self._db.execute(
            "SELECT receipt, executor FROM receipts WHERE task = ? ORDER BY number", (task,)
        )
        return [(CID(receipt), executor) for receipt, executor in rows]

    def recent(self, count: int) -> list[tuple[CID, CID]]:
        """The last receipts that came, with their tasks, the newest first."""
        rows = self._db.execute("SELECT task, receipt FROM receipts ORDER BY number DESC LIMIT ?", (count,))
        return [(CID(task), CID(receipt)) for task, receipt in rows]

    def executed(self) -> dict[str, int]:
        """How many receipts are known, by executor."""
        return dict(self._db.execute("SELECT executor, count(*) FROM receipts GROUP BY executor"))

    def makers(self, cid: CID) -> list[CID]:
        """The tasks that are known to have made this output."""
        return [
            CID(t) for (t,) in self._db.execute("SELECT task FROM made WHERE cid = ? ORDER BY task", (cid,))
        ]

    def seal(self, receipts: Iterable[tuple[CID, Sealed]]) -> None:
        """Remember where receipts are sealed; the first seal of each counts, so that a run done again is the
        same."""
        rows = [(r, s.seal, s.index, b"".join(s.proof)) for r, s in receipts]
        with transaction(self._db) as db:
            db.executemany("INSERT OR IGNORE INTO sealed VALUES (?, ?, ?, ?)", rows)

    def sealed(self, receipt: CID) -> Sealed | None:
        """Where a receipt is sealed."""
        row = self._db.execute("SELECT seal, idx, proof FROM sealed WHERE receipt = ?", (receipt,)).fetchone()
        if row is None:
            return None
        path = row[2]
        return Sealed(CID(row[0]), row[1], tuple(path[i : i + 32] for i in range(0, len(path), 32)))

    def add_run(self, run: CID, outputs: Iterable[CID]) -> None:
        """Remember a run and what it gave."""
        with transaction(self._db) as db:
            db.execute("INSERT OR IGNORE INTO runs VALUES (?, strftime('%s'))", (run,))
            db.executemany("INSERT OR IGNORE INTO run_outputs VALUES (?, ?)", [(o, run) for o in outputs])

    def runs(self, output: CID | None = None) -> list[CID]:
        """All runs, or those that gave `output`, oldest first."""
        if output is None:
            rows = self._db.execute("SELECT run FROM runs ORDER BY at, run")
        else:
            rows = self._db.execute(
                "SELECT run FROM run_outputs JOIN runs USING (run) WHERE output = ? ORDER BY at, run",
                (output,),
            )
        return [CID(run) for (run,) in rows]

    def add_attestation(self, run: CID, attestation: CID) -> None:
        """Remember a verifier's word on a run."""
        self._db.execute("INSERT OR IGNORE INTO attestations VALUES (?, ?)", (run, attestation))

    def attestations(self, run: CID) -> list[CID]:
        """What verifiers said of a run."""
        rows = self._db.execute(
            "SELECT attestation FROM attestations WHERE run = ? ORDER BY attestation", (run,)
        )
        return [CID(a) for (a,) in rows]
