"""The backends, found by URL. A backend is a file or folder here and a line in `BACKENDS`; nothing else
changes.

Its class opens a URL with `from_url`, and is imported when its scheme is first asked for.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Final

from cid_store.errors import UsageError
from cid_store.store import Store

BACKENDS: Final = {
    "memory": "cid_store.stores.memory:MemoryStore",
    "local": "cid_store.stores.local:LocalStore",
    "file": "cid_store.stores.local:LocalStore",
    "overlay": "cid_store.stores.overlay:OverlayStore",
    "ipfs+http": "cid_store.stores.kubo:KuboStore",
    "ipfs+https": "cid_store.stores.kubo:KuboStore",
    "s3": "cid_store.stores.s3:S3Store",
    "https": "cid_store.stores.gateway:GatewayStore",
    "http": "cid_store.stores.gateway:GatewayStore",
    "tiered": "cid_store.stores.tiered:TieredStore",
}
"""URL scheme to module and class."""

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):")  # two letters at least: `c:` is a drive


def open_store(url: str) -> Store:
    """The store that `url` names; text without a scheme is the path of a local store. Raises `UsageError`."""
    match = _SCHEME.match(url)
    scheme = match[1] if match else "local"
    try:
        module, _, name = BACKENDS[scheme].partition(":")
    except KeyError:
        raise UsageError(
            f"there is no kind of store called {scheme!r}",
            next_step=f"begin the URL with one of {', '.join(BACKENDS)}, or give a path like ./{url}",
        ) from None
    backend: type[Store] = getattr(import_module(module), name)
    return backend.from_url(url if match else f"local:{url}")
