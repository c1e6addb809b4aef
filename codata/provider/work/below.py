"""What is here already below the blocks of a copy: it is kept with them, and counts as they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cid_store import multihash
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import CidStoreError, LimitExceeded
from cid_store.stores.local import LocalStore
from cid_store.walk import links_of
from codata.records.receipt import Receipt
from codata.records.task import COMMAND

MAX_BLOCKS: Final = 1 << 20
"""Blocks that are looked at for one request."""

_BATCH: Final = 1000


def here_below(store: LocalStore, tops: Sequence[CID]) -> dict[CID, int]:
    """These blocks and all below them that is held, with their bytes; safe from `gc` from now on.

    Nothing below a task or a receipt: what those name is claimed, and not promised. Raises `LimitExceeded`.
    """
    found: dict[CID, int] = {}
    pending = list(dict.fromkeys(tops))
    looked = len(pending)
    while pending:
        batch, pending = pending[-_BATCH:], pending[:-_BATCH]
        for cid in _fresh(store, dict.fromkeys(batch), found):
            for link in _links(store, cid):
                looked += 1
                if looked > MAX_BLOCKS:
                    raise LimitExceeded(
                        f"more than {MAX_BLOCKS} blocks are named in one request",
                        next_step="send fewer nodes",
                    )
                pending.append(link)
    return found


def _fresh(store: LocalStore, cids: Iterable[CID], found: dict[CID, int]) -> list[CID]:
    """Those that are held and were not found before, which they are now."""
    new = [cid for cid in cids if cid not in found and cid.hash_code != multihash.IDENTITY]
    held = [cid for cid, here in zip(new, store.touch(new), strict=True) if here]
    for cid, size in zip(held, store.sizes(held), strict=True):
        found[cid] = size or 0
    return held


def _links(store: LocalStore, cid: CID) -> Iterable[CID]:
    if cid.codec == RAW:
        return ()
    try:
        data = store.get(cid)
        if cid.codec == DAG_CBOR and _claims(dag_cbor.decode(data)):
            return ()
        return dict.fromkeys(links_of(cid, data))
    except CidStoreError:
        return ()  # of no known codec, or nothing that its codec reads: it stands for itself


def _claims(value: object) -> bool:
    return isinstance(value, dict) and (value.get("codata") == Receipt.kind or value.get("cmd") == COMMAND)
