"""The tasks of a provider, and who wants each: what a restart must not lose.

Only what is accepted or final is written down. That a task is being fetched for or runs is known to the
process that does it; over a restart such a task is queued again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cid_store.cid import CID
from codata.database import connect, transaction
from codata.kept import ROW
from codata.provider.work.examine import Accepted
from codata.provider.work.settings import Limits

State = Literal["queued", "done", "failed", "cancelled"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS work (
    number INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    limits TEXT NOT NULL, sources TEXT NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS work_state ON work (state);
CREATE TABLE IF NOT EXISTS wanted (
    did TEXT NOT NULL, task TEXT NOT NULL, until REAL NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (did, task)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wanted_task ON wanted (task);
CREATE INDEX IF NOT EXISTS wanted_until ON wanted (until);
"""

_BATCH: Final = 500  # names in one statement


@dataclass(frozen=True, slots=True)
class Entry:
    """A task as it is written down. `answer`: what is told of it besides its state, once it is final."""

    task: CID
    state: State
    limits: Limits
    sources: tuple[str, ...]
    answer: Mapping[str, Any]


class Queue:
    """Thread-safe; what it has returned from survives a power failure."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def submit(self, did: str, tasks: Iterable[Accepted], sources: Sequence[str], until: float) -> list[CID]:
        """Write down that `did` wants tasks, until then. Returns those that are queued by this: new ones, and
        ones that had failed or were cancelled."""
        queued: list[CID] = []
        with self._lock, transaction(self._db) as db:
            for accepted in tasks:
                fresh = db.execute(
                    "INSERT INTO work (task, state, limits, sources, answer) VALUES (?, 'queued', ?, ?, '{}')"
                    " ON CONFLICT DO UPDATE SET state = 'queued', limits = excluded.limits,"
                    " sources = excluded.sources, answer = '{}' WHERE state IN ('failed', 'cancelled')",
                    (accepted.task, json.dumps(asdict(accepted.limits)), json.dumps(list(sources))),
                ).rowcount
                queued += [accepted.task] if fresh else []
                # Its inputs are kept for it: they may be many, and cost who asks nothing else.
                _want(db, did, accepted.task, until, ROW * len(accepted.needs))
        return queued

    def done_before(self, did: str, task: CID, answer: Mapping[str, Any], until: float) -> None:
        """Write down a task that `did` wants and that was done before it was asked for."""
        with self._lock, transaction(self._db) as db:
            db.execute(
                "INSERT INTO work (task, state, limits, sources, answer) VALUES (?, 'done', ?, '[]', ?)"
                " ON CONFLICT DO UPDATE SET state = 'done', answer = excluded.answer",
                (task, json.dumps(asdict(Limits())), json.dumps(answer)),
            )
            _want(db, did, task, until, 0)

    def lost(self, task: CID) -> None:
        """Write down that what a task gave is not here any more: it is queued when it is submitted again."""
        with self._lock:
            self._db.execute(
                "UPDATE work SET state = 'cancelled', answer = '{}' WHERE task = ? AND state = 'done'",
                (task,),
            )

    def end(self, ended: Iterable[tuple[CID, State, Mapping[str, Any]]], until: float) -> None:
        """Write down how queued tasks ended; who wants them is told of that until then at least."""
        rows = [(state, json.dumps(answer), task) for task, state, answer in ended]
        with self._lock, transaction(self._db) as db:
            db.executemany("UPDATE work SET state = ?, answer = ? WHERE task = ? AND state = 'queued'", rows)
            longer = [(until, task) for _, _, task in rows]
            db.executemany("UPDATE wanted SET until = max(until, ?) WHERE task = ?", longer)

    def count(self, did: str, task: CID, size: int) -> None:
        """Write down how many bytes a task's results keep for `did`, if they are more than is counted."""
        with self._lock:
            self._db.execute(
                "UPDATE wanted SET bytes = max(bytes, ?) WHERE did = ? AND task = ?", (size, did, task)
            )

    def entries(self, tasks: Sequence[CID]) -> dict[CID, Entry]:
        """What is written down of these tasks."""
        return {entry.task: entry for entry in self._select("task", tasks)}

    def of(self, did: str, tasks: Sequence[CID]) -> dict[CID, Entry]:
        """What is written down of those of these tasks that `did` wants."""
        wanted: set[str] = set()
        with self._lock:
            for batch in _batches(tasks):
                marks = ", ".join("?" * len(batch))
                rows = self._db.execute(
                    f"SELECT task FROM wanted WHERE did = ? AND task IN ({marks})",  # noqa: S608 - marks
                    (did, *batch),
                )
                wanted.update(task for (task,) in rows)
        return self.entries([task for task in tasks if task in wanted])

    def queued(self) -> list[Entry]:
        """All that waits or runs, in the order in which it came."""
        return self._select("state", ["queued"])

    def who(self, task: CID) -> list[str]:
        """The DIDs that want a task."""
        with self._lock:
            rows = self._db.execute("SELECT did FROM wanted WHERE task = ? ORDER BY did", (task,))
            return [did for (did,) in rows]

    def waiting(self, did: str) -> int:
        """How many tasks wait or run for a DID."""
        return self._number(
            "SELECT count(*) FROM wanted JOIN work USING (task) WHERE did = ? AND state = 'queued'", did
        )

    def bytes(self, did: str) -> int:
        """The bytes that results keep for a DID; of a task whose inputs count for more, those."""
        return self._number("SELECT coalesce(sum(bytes), 0) FROM wanted WHERE did = ?", did)

    def counts(self) -> dict[str, int]:
        """How many tasks are in each state."""
        with self._lock:
            return dict(self._db.execute("SELECT state, count(*) FROM work GROUP BY state").fetchall())

    def by_client(self) -> dict[str, dict[str, int]]:
        """How many of the tasks that each DID wants are in each state."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for did, state, count in self._db.execute(
                "SELECT did, state, count(*) FROM wanted JOIN work USING (task) GROUP BY did, state"
            ):
                found.setdefault(did, {})[state] = count
        return found

    def leave(self, did: str, task: CID) -> tuple[bool, int]:
        """Forget that `did` wants a task; whether nobody wants it now, and the bytes that it counted for."""
        with self._lock, transaction(self._db) as db:
            left = db.execute("DELETE FROM wanted WHERE did = ? AND task = ? RETURNING bytes", (did, task))
            size = sum(size for (size,) in left.fetchall())
            return db.execute("SELECT 1 FROM wanted WHERE task = ?", (task,)).fetchone() is None, size

    def forget(self, now: float) -> list[tuple[str, CID]]:
        """Forget what nobody wants any more: which DIDs wanted which tasks until now. What waits is kept."""
        with self._lock, transaction(self._db) as db:
            rows = db.execute(
                "DELETE FROM wanted WHERE until <= ? AND task IN"
                " (SELECT task FROM work WHERE state != 'queued') RETURNING did, task",
                (now,),
            ).fetchall()
            db.execute("DELETE FROM work WHERE state != 'queued' AND task NOT IN (SELECT task FROM wanted)")
        return [(did, CID(task)) for did, task in rows]

    def _number(self, query: str, did: str) -> int:
        with self._lock:
            return int(self._db.execute(query, (did,)).fetchone()[0])

    def _select(self, column: Literal["task", "state"], values: Sequence[str]) -> list[Entry]:
        found: list[Entry] = []
        for batch in _batches(values):
            marks = ", ".join("?" * len(batch))
            with self._lock:
                rows = self._db.execute(
                    "SELECT task, state, limits, sources, answer FROM work"  # noqa: S608 - marks
                    f" WHERE {column} IN ({marks}) ORDER BY number",
                    batch,
                ).fetchall()
            found += [_entry(*row) for row in rows]
        return found


def _entry(task: str, state: State, limits: str, sources: str, answer: str) -> Entry:
    return Entry(
        CID(task), state, Limits(**json.loads(limits)), tuple(json.loads(sources)), json.loads(answer)
    )


def _want(db: Any, did: str, task: CID, until: float, size: int) -> None:
    db.execute(
        "INSERT INTO wanted VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET until = max(until, excluded.until), bytes = max(bytes, excluded.bytes)",
        (did, task, until, size),
    )


def _batches(values: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(values[start : start + _BATCH]) for start in range(0, len(values), _BATCH))
