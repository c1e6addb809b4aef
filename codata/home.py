"""The home folder: everything that codata keeps for one user or project.

store/          the local block store
identity.pem    the private key (mode 0600)
home.sqlite     names, receipts by task, seals, trusted DIDs, runs
config.toml     settings, where the user wrote any
"""

from __future__ import annotations

import os
import re
import sqlite3
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import InvalidCID, UsageError
from cid_store.pins import Keeper
from cid_store.stores import open_store
from cid_store.unixfs.paths import follow
from cid_store.unixfs.paths import parse as parse_path
from cid_store.unixfs.paths import resolve as resolve_path
from codata import identity
from codata.errors import HomeError, UnknownName

FOLDER = ".codata"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, cid TEXT NOT NULL, at INTEGER NOT NULL);
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
CREATE TABLE IF NOT EXISTS trust (did TEXT PRIMARY KEY, note TEXT NOT NULL, at INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where a receipt is sealed: the seal, the receipt's leaf index, its audit path."""

    seal: CID
    index: int
    proof: tuple[bytes, ...]


class Home:
    """One home folder. Several processes may use it at once."""

    def __init__(self, path: Path, *, store_url: str | None = None) -> None:
        self.path = path = path.absolute()  # tasks may run in processes that stand elsewhere
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path / "home.sqlite", timeout=60, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as e:
            raise HomeError(
                f"can't use the home folder {path}: {e}", next_step="give another with --home or CODATA_HOME"
            ) from None
        url = store_url or self.config.get("store") or str(path / "store")
        self.store_url = url if ":" in url else str(Path(url).absolute())

    @classmethod
    def find(cls, given: Path | None, *, store_url: str | None = None) -> Self:
        """The home given, else `CODATA_HOME`, else the nearest `.codata` upwards, else the platform's data
        folder."""
        if given is None and (env := os.environ.get("CODATA_HOME")):
            given = Path(env)
        if given is None:
            here = Path.cwd()
            near = (p / FOLDER for p in (here, *here.parents))
            given = next((p for p in near if p.is_dir()), None) or user_data_path("codata", appauthor=False)
        return cls(given, store_url=store_url)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The settings of `config.toml`; raises `HomeError` where it is no TOML."""
        try:
            return tomllib.loads((self.path / "config.toml").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
            raise HomeError(f"can't read {self.path / 'config.toml'}: {e}") from None

    @cached_property
    def store(self) -> Store:
        """The store that everything of this home lives in. What is reported as done is `persist`ed first."""
        store = open_store(self.store_url)
        store.relax()
        return store

    @property
    def keeper(self) -> Keeper:
        """The store in its role of keeping pins; raises `UsageError` where it has none."""
        if not isinstance(self.store, Keeper):
            raise UsageError(f"{self.store} keeps no pins", next_step="use a local store")
        return self.store

    @cached_property
    def identity(self) -> identity.Identity:
        """This home's key, made on first use."""
        return identity.load(self.path / "identity.pem")

    def close(self) -> None:
        """Release the index and the store."""
        self._db.close()
        if "store" in self.__dict__:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- names -----------------------------------------------------------------------------------------------

    def name(self, name: str, cid: CID) -> None:
        """Let `name` stand for `cid`, whatever it stood for before. Raises `UsageError` for names that can't
        be."""
        if not _NAME.match(name):
            raise UsageError(
                f"{name!r} can't be a name",
                next_step="use letters, digits, '.', '_' and '-', at most 128 of them",
            )
        try:
            CID(name)
        except InvalidCID:
            self._db.execute("INSERT OR REPLACE INTO names VALUES (?, ?, strftime('%s'))", (name, cid))
            return
        raise UsageError(f"{name!r} is a CID and can't be a name")

    def unname(self, name: str) -> None:
        """Forget a name."""
        if not self._db.execute("DELETE FROM names WHERE name = ?", (name,)).rowcount:
            raise UnknownName(f"there is no name {name!r} here")

    def names(self) -> dict[str, CID]:
        """All names, sorted."""
        rows = self._db.execute("SELECT name, cid FROM names ORDER BY name")
        return {name: CID(cid) for name, cid in rows}

    def lookup(self, name: str) -> CID | None:
        """What a name stands for."""
        row = self._db.execute("SELECT cid FROM names WHERE name = ?", (name,)).fetchone()
        return CID(row[0]) if row else None

    def resolve(self, ref: str) -> CID:
        """The CID of a REF: a name or CID, or a path below one, as `NAME/a/b.txt` or `/ipfs/CID/a`.

        Raises `UsageError` where it is both a name here and a path on disk, `PathNotFound`, `UnknownName`.
        """
        head, slash, path = ref.partition("/")
        named = self.lookup(head)
        if named is not None:
            if Path(ref).exists():
                raise UsageError(
                    f"{ref!r} is both a name here and a path on disk",
                    next_step=f"write ./{ref} or {named}{slash}{path}",
                )
            return resolve_path(self.store, f"{named}/{path}") if path else named
        try:
            parsed = parse_path(ref)
        except InvalidCID:
            near = ", ".join(list(self.names())[:10])
            raise UnknownName(
                f"{ref!r} is neither a CID nor a name here",
                cid=None,
                next_step=f"the names are: {near}"
                if near
                else "nothing has a name yet: `codata add PATH --name NAME`",
            ) from None
        return follow(self.store, parsed.root, parsed.names)

    # -- work done -------------------------------------------------------------------------------------------

    def record(self, task: CID, receipt: CID, executor: str, outputs: Iterable[CID]) -> None:
        """Remember a receipt: by its task for the cache, by its outputs to find again what made them."""
        with self._transaction() as db:
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

    def makers(self, cid: CID) -> list[CID]:
        """The tasks that are known to have made this output."""
        return [
            CID(t) for (t,) in self._db.execute("SELECT task FROM made WHERE cid = ? ORDER BY task", (cid,))
        ]

    def seal(self, receipts: Iterable[tuple[CID, Sealed]]) -> None:
        """Remember where receipts are sealed; the first seal of each counts, so that a run done again is the
        same."""
        rows = [(r, s.seal, s.index, b"".join(s.proof)) for r, s in receipts]
        with self._transaction() as db:
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
        with self._transaction() as db:
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

    # -- trust -----------------------------------------------------------------------------------------------

    def trust(self, did: str, note: str = "") -> None:
        """Let receipts of this DID count as done work; raises `FalseClaim` where it is no did:key."""
        identity.public_key(did)
        self._db.execute("INSERT OR REPLACE INTO trust VALUES (?, ?, strftime('%s'))", (did, note))

    def distrust(self, did: str) -> None:
        """Take trust back."""
        if not self._db.execute("DELETE FROM trust WHERE did = ?", (did,)).rowcount:
            raise UnknownName(f"{did} is not trusted here", next_step="`codata trust --list` shows who is")

    def trusted(self) -> dict[str, str]:
        """The DIDs whose receipts count, with notes: one's own first."""
        rows = self._db.execute("SELECT did, note FROM trust ORDER BY at, did")
        return {self.identity.did: "this home", **dict(rows)}

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(self, kind: object, *exc: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
