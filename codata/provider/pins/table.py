"""Pin requests as rows of the home's SQLite file: a restart forgets none that was accepted."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cid_store.cid import CID
from cid_store.pinning import Status
from codata.database import transaction
from codata.kept import Kept
from codata.provider.pins.errors import NoSuchPin, TooManyPins
from codata.provider.pins.filters import Filters, Match
from codata.provider.pins.pin import Pin

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pin_requests (
    created INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, status TEXT NOT NULL,
    cid TEXT NOT NULL, v1 TEXT NOT NULL, name TEXT NOT NULL, origins TEXT NOT NULL, meta TEXT NOT NULL,
    bytes INTEGER NOT NULL, details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS pin_requests_account ON pin_requests (account, created);
CREATE INDEX IF NOT EXISTS pin_requests_status ON pin_requests (status, created);
"""
_COLUMNS: Final = "id, account, status, created, cid, name, origins, meta, bytes, details"
_MAX_REPLACED: Final = 16
"""Roots that a request keeps for those in whose place it came, until it is done."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A request. `created`: microseconds since 1970, the same for no two requests; `bytes`: of blocks that it
    brought, or had from those in whose place it came; once it is pinned, of all that belong to its root,
    whoever brought them."""

    id: str
    account: str
    status: Status
    created: int
    pin: Pin
    bytes: int
    details: str

    @property
    def time(self) -> str:
        """When it was accepted, as RFC 3339 has it."""
        return (_EPOCH + timedelta(microseconds=self.created)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    @property
    def owner(self) -> str:
        """Under which name its root is kept."""
        return f"{_owner(self.account)}/{self.id}"


@dataclass(frozen=True, slots=True)
class Totals:
    """All requests together: how many are in each state, and bytes of blocks that lie here for them, removed
    ones among them."""

    states: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0


class Requests:
    """The requests of every account. Thread-safe. What they ask for is kept from the moment they are
    accepted, so that no `gc` takes what has come of it."""

    def __init__(self, db: sqlite3.Connection, most: int) -> None:
        """`db`: a connection that nobody else uses. `most`: requests of one account."""
        self._db, self._most = db, most
        self._lock = threading.RLock()
        db.executescript(_SCHEMA)
        db.create_function("name_fits", 3, _name_fits, deterministic=True)
        db.create_function("meta_fits", 2, _meta_fits, deterministic=True)
        self._kept = Kept(db)

    def add(self, account: str, pin: Pin, replaced: str | None = None) -> Row:
        """Accept a pin, in the place of another request where one is named. Raises `NoSuchPin`,
        `TooManyPins`."""
        with self._writing() as db:
            old = self.find(account, replaced) if replaced is not None else None
            (count,) = db.execute(
                "SELECT count(*) FROM pin_requests WHERE account = ?", (account,)
            ).fetchone()
            if old is None and count >= self._most:
                raise TooManyPins(f"this account has {count} requests, and that is its limit")
            (last,) = db.execute("SELECT coalesce(max(created), 0) FROM pin_requests").fetchone()
            created = max(time.time_ns() // 1000, last + 1)
            row = Row(secrets.token_hex(16), account, "queued", created, pin, 0, "")
            db.execute(
                "INSERT INTO pin_requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    created, row.id, account, row.status, pin.cid, pin.cid.to_v1(), pin.name,
                    json.dumps(pin.origins), json.dumps(pin.meta), 0, "",
                ),
            )  # fmt: skip
            roots = [pin.cid]
            if old is not None:
                roots += self._kept.of(old.owner)[:_MAX_REPLACED]
                self._drop(old, successor=row.id)
            self._kept.keep(row.owner, [(cid, 0) for cid in roots], kind="recursive")
        return row

    def find(self, account: str, request: str) -> Row:
        """One request of an account; raises `NoSuchPin`."""
        with self._lock:
            found = self._db.execute(
                f"SELECT {_COLUMNS} FROM pin_requests WHERE id = ? AND account = ?",  # noqa: S608 - a constant
                (request, account),
            ).fetchone()
        if found is None:
            raise NoSuchPin("this account has no such request")
        return _row(found)

    def list(self, account: str, filters: Filters) -> tuple[int, list[Row]]:
        """How many requests of an account fit, and the first page of them, newest first."""
        where, values = _where(account, filters)
        with self._lock:
            (count,) = self._db.execute(f"SELECT count(*) FROM pin_requests WHERE {where}", values).fetchone()  # noqa: S608 - built of constants
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM pin_requests WHERE {where} ORDER BY created DESC LIMIT ?",  # noqa: S608 - the same
                (*values, filters.limit),
            ).fetchall()
        return count, [_row(row) for row in rows]

    def remove(self, account: str, request: str) -> None:
        """Forget a request, whatever has become of it, and let go of its root. Raises `NoSuchPin`."""
        with self._writing():
            self._drop(self.find(account, request))

    def remove_all(self, account: str) -> int:
        """Forget all requests of an account; how many there were."""
        with self._writing() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM pin_requests WHERE account = ?", (account,)).fetchall()  # noqa: S608 - a constant
            for row in rows:
                self._drop(_row(row))
        return len(rows)

    # -- what fetches ----------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Queue again what was being fetched when the process ended."""
        with self._writing() as db:
            db.execute("UPDATE pin_requests SET status = 'queued' WHERE status = 'pinning'")

    def take(self) -> Row | None:
        """The request that has waited longest, which is `pinning` from now on."""
        with self._writing() as db:
            found = db.execute(
                f"UPDATE pin_requests SET status = 'pinning' WHERE created ="  # noqa: S608 - a constant
                f" (SELECT min(created) FROM pin_requests WHERE status = 'queued') RETURNING {_COLUMNS}"
            ).fetchone()
        return None if found is None else _row(found)

    def came(self, row: Row, size: int) -> bool:
        """Note that `size` more bytes of blocks came; False where the request was removed meanwhile."""
        with self._writing() as db:
            changed = db.execute(
                "UPDATE pin_requests SET bytes = bytes + ? WHERE id = ? AND status = 'pinning'",
                (size, row.id),
            )
            return bool(changed.rowcount)

    def pinned(self, row: Row, size: int, most: int, details: str) -> bool:
        """Say that a request has all it needs, which is `size` bytes, those that were here before among them:
        else what another brought would stay for nothing once that one is gone. Requests of one root count
        once. False, and nothing is said, where its account would have more than `most`.
        """
        with self._writing() as db:
            brought = db.execute("SELECT bytes FROM pin_requests WHERE id = ?", (row.id,)).fetchone() or (0,)
            counted = 0 if self._heir(row, "status = 'pinned'") else size
            if self.total(row.account) - brought[0] + counted > most:
                return False
            db.execute("UPDATE pin_requests SET bytes = ? WHERE id = ?", (counted, row.id))
            if brought[0] > counted:
                self._kept.linger(_owner(row.account), brought[0] - counted)
            self.end(row, "pinned", details)
        return True

    def end(self, row: Row, status: Status, details: str = "") -> None:
        """Say what has become of a request. It keeps its root alone from now on, and nothing if it failed."""
        with self._writing() as db:
            db.execute(
                "UPDATE pin_requests SET status = ?, details = ? WHERE id = ?", (status, details, row.id)
            )
            needed = row.pin.cid if status == "pinned" else None
            self._kept.release(row.owner, [cid for cid in self._kept.of(row.owner) if cid != needed])

    def total(self, account: str) -> int:
        """Bytes of blocks that count for an account, those of removed requests among them as long as garbage
        has not been collected."""
        with self._lock:
            (size,) = self._db.execute(
                "SELECT coalesce(sum(bytes), 0) FROM pin_requests WHERE account = ?", (account,)
            ).fetchone()
            return int(size) + self._kept.lingers(_owner(account))

    def totals(self) -> Totals:
        """What there is for all accounts together."""
        with self._lock:
            rows = self._db.execute("SELECT status, count(*), sum(bytes) FROM pin_requests GROUP BY status")
            found = rows.fetchall()
            gone = self._kept.lingering()
        states = {status: count for status, count, _ in found}
        lingering = sum(size for owner, size in gone.items() if owner.startswith(_owner("")))
        return Totals(states, sum(size for _, _, size in found) + lingering)

    def ahead(self, row: Row) -> int:
        """How many requests are fetched before this one."""
        with self._lock:
            (count,) = self._db.execute(
                "SELECT count(*) FROM pin_requests WHERE status = 'queued' AND created < ?", (row.created,)
            ).fetchone()
        return int(count)

    def _drop(self, row: Row, successor: str | None = None) -> None:
        self._db.execute("DELETE FROM pin_requests WHERE id = ?", (row.id,))
        self._kept.release(row.owner)
        # What it has stays for another request of the same root, and counts for that one then.
        if row.status != "pinned" and self._heir(row, "status = 'pinned'"):
            return  # that one has all of it already
        if heir := self._heir(row, "status != 'failed'") or successor:
            self._db.execute("UPDATE pin_requests SET bytes = bytes + ? WHERE id = ?", (row.bytes, heir))
        elif row.bytes:
            self._kept.linger(_owner(row.account), row.bytes)

    def _heir(self, row: Row, among: str) -> str | None:
        """Another request for the root of `row`: one that is pinned rather than one that is not, then the
        oldest."""
        found = self._db.execute(
            f"SELECT id FROM pin_requests WHERE account = ? AND v1 = ? AND id != ? AND {among}"  # noqa: S608 - a constant
            " ORDER BY status != 'pinned', created LIMIT 1",
            (row.account, row.pin.cid.to_v1(), row.id),
        ).fetchone()
        return found[0] if found else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db) as db:
            yield db


def _owner(account: str) -> str:
    return f"pins/{account}"


def _row(found: tuple[str, str, Status, int, str, str, str, str, int, str]) -> Row:
    id_, account, status, created, cid, name, origins, meta, size, details = found
    pin = Pin(CID(cid), name, tuple(json.loads(origins)), tuple((k, v) for k, v in json.loads(meta)))
    return Row(id_, account, status, created, pin, size, details)


def _where(account: str, filters: Filters) -> tuple[str, list[str | int]]:
    """The condition of a listing: constants, with a mark for each value."""
    parts, values = ["account = ?"], list[str | int]([account])

    def add(part: str, *more: str | int) -> None:
        parts.append(part)
        values.extend(more)

    add(f"status IN ({_marks(filters.statuses)})", *filters.statuses)
    if filters.cids:
        add(f"v1 IN ({_marks(filters.cids)})", *(cid.to_v1() for cid in filters.cids))
    if filters.name is not None:
        add("name_fits(?, ?, name)", filters.match, filters.name)
    if filters.before is not None:
        add("created < ?", filters.before)
    if filters.after is not None:
        add("created > ?", filters.after)
    if filters.meta:
        add("meta_fits(?, meta)", json.dumps(filters.meta))
    return " AND ".join(parts), values


def _marks(values: Sized) -> str:
    return ", ".join("?" * len(values))


def _name_fits(match: Match, wanted: str, name: str) -> bool:
    if match in ("iexact", "ipartial"):
        wanted, name = wanted.casefold(), name.casefold()
    return wanted in name if match in ("partial", "ipartial") else wanted == name


def _meta_fits(wanted: str, meta: str) -> bool:
    had = dict(json.loads(meta))
    return all(had.get(key) == value for key, value in json.loads(wanted))
