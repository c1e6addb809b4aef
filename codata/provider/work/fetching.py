"""Bringing inputs here from the sources that the provider's settings allow, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from cid_store import Store
from cid_store.cid import CID, DAG_PB
from cid_store.errors import LimitExceeded, UsageError
from cid_store.stores.gateway import GatewayStore, fetch_dag
from cid_store.stores.gateway.origin import Origin
from codata.provider.held import held

MAX_SOURCES: Final = 16

_BATCH: Final = 16  # blocks in memory at once: 32 MiB at most


def allowed(asked: Sequence[str], settings: Sequence[str]) -> list[str]:
    """Those of the URLs asked for that the settings name: the same scheme, host, port and path."""
    known = {Origin.parse(url): url for url in settings}
    found: list[str] = []
    for url in asked[:MAX_SOURCES]:
        origin = _parse(url)
        if origin in known:
            found.append(known[origin])
    return list(dict.fromkeys(found))


def _parse(url: str) -> Origin | None:
    """The origin of a URL. One over plain HTTP counts only where the settings name it as such."""
    for form in (url, f"{url}?plain_http=yes"):
        with suppress(UsageError):
            return Origin.parse(form)
    return None


def missing(store: Store, cids: Sequence[CID]) -> list[CID]:
    """Those that are not held in full, in order."""
    return [cid for cid, here in zip(cids, held(store, cids), strict=True) if not here]


def fetch(
    store: Store, cids: Sequence[CID], sources: Sequence[str], limit: int, progress: Callable[[int], None]
) -> int:
    """Bring what is missing of `cids`, at most `limit` bytes, each block proven; returns the bytes that came,
    which `progress` is told as they come.

    Raises `BlockNotFound`, `CorruptBlock`, `StoreError` for what no source gives, `LimitExceeded`.
    """
    wanted = missing(store, cids)
    if not wanted:
        return 0
    came = 0
    with GatewayStore(*sources) as gateways:
        singles = [cid for cid in wanted if cid.codec != DAG_PB]
        for start in range(0, len(singles), _BATCH):
            size = _blocks(store, gateways, singles[start : start + _BATCH], limit - came)
            progress(size)
            came += size
        for cid in wanted:
            if cid.codec == DAG_PB:
                came += fetch_dag(store, gateways, cid, limit_bytes=limit - came, progress=progress).bytes
    return came


def _blocks(store: Store, gateways: GatewayStore, cids: Sequence[CID], limit: int) -> int:
    """Blocks that stand for themselves: raw ones and records."""
    blocks = list(gateways.get_many(cids))
    size = sum(len(block.data) for block in blocks)
    if size > limit:
        raise LimitExceeded(f"the inputs are more than the {limit} bytes that may still be kept")
    store.put_many(blocks)
    return size
