"""The accounts of a home's pinning service, for who runs it: a token each, and their pins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from codata.database import connect
from codata.home import DATABASE, Home
from codata.provider.pins.settings import PinSettings
from codata.provider.pins.table import Requests
from codata.provider.pins.tokens import Accounts


def names(home: Home) -> list[str]:
    """The accounts, sorted."""
    with _accounts(home) as accounts:
        return accounts.names()


def issue(home: Home, name: str) -> str:
    """A new token for an account, made if it is not there; the one before counts no more. Raises
    `UsageError`."""
    with _accounts(home) as accounts:
        return accounts.issue(name)


def remove(home: Home, name: str) -> int:
    """End an account and let go of what it pinned; how many requests it had. Raises `UnknownName`."""
    with _accounts(home) as accounts:
        accounts.remove(name)
    with closing(connect(home.path / DATABASE)) as db:
        return Requests(db, PinSettings().max_pins).remove_all(name)


@contextmanager
def _accounts(home: Home) -> Iterator[Accounts]:
    with closing(connect(home.path / DATABASE)) as db:
        yield Accounts(db)
