"""Which providers and routers a command asks: those named, else those of the home's config.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cid_store.errors import UsageError
from cid_store.stores.gateway.origin import Origin
from codata.home import Home


def providers(home: Home, named: Sequence[str]) -> list[str]:
    """The providers' URLs: `named`, else `urls` of the table [providers]. Raises `UsageError` for none."""
    urls = list(named) or _urls(home, "providers")
    if not urls:
        raise UsageError(
            "no provider is named",
            next_step='give --on URL, or write urls = ["https://…"] under [providers] in config.toml',
        )
    for url in urls:
        Origin.parse(url)
    return list(dict.fromkeys(url.rstrip("/") for url in urls))


def routers(home: Home) -> list[str]:
    """The URLs of delegated routing: `urls` of the table [routing]. Raises `UsageError`."""
    urls = _urls(home, "routing")
    for url in urls:
        Origin.parse(url)
    return urls


def _urls(home: Home, table: str) -> list[str]:
    found = home.config.get(table, {})
    urls = found.get("urls", []) if isinstance(found, Mapping) else None
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise UsageError(f"`urls` of [{table}] in config.toml is no list of URLs")
    return urls
