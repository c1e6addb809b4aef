"""The home folder: everything that codata keeps for one user or project.

store/          the local block store
identity.pem    the private key (mode 0600)
home.sqlite     names, the ledger of work done, whom to trust, what is kept for others
config.toml     settings, where the user wrote any
"""

from __future__ import annotations

import os
import sqlite3
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import UsageError
from cid_store.pins import Keeper
from cid_store.stores import open_store
from codata import identity
from codata.database import connect
from codata.errors import HomeError
from codata.kept import Kept
from codata.ledger import Ledger
from codata.names import Names, resolve
from codata.trust import Trust

FOLDER = ".codata"
DATABASE = "home.sqlite"


class Home:
    """One home folder: its `names`, its `ledger`, its `trust`, what is `kept` for others, its store and its
    key. Several processes may use it at once."""

    def __init__(self, path: Path, *, store_url: str | None = None) -> None:
        self.path = path = path.absolute()  # tasks may run in processes that stand elsewhere
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._db = connect(path / DATABASE)
            self.names = Names(self._db)
            self.ledger = Ledger(self._db)
            self.trust = Trust(self._db)
            self.kept = Kept(self._db)
        except (OSError, sqlite3.Error) as e:
            raise HomeError(
                f"can't use the home folder {path}: {e}", next_step="give another with --home or CODATA_HOME"
            ) from None
        url = store_url or self.config.get("store") or str(path / "store")
        self.store_url = url if ":" in url else str(Path(url).absolute())

    @classmethod
    def find(cls, given: Path | None = None, *, store_url: str | None = None) -> Self:
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

    def resolve(self, ref: str) -> CID:
        """What a REF stands for, by the names and in the store of this home; raises as `names.resolve`."""
        return resolve(self.names, self.store, ref)

    def trusted(self) -> dict[str, str]:
        """The DIDs whose receipts count, with notes: one's own first."""
        return {self.identity.did: "this home", **self.trust.all()}

    def close(self) -> None:
        """Release the index and the store."""
        self._db.close()
        if "store" in self.__dict__:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
