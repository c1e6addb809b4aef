"""Pins as small objects of a bucket: the promises of everybody who shares it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Final

from cid_store.cid import CID
from cid_store.errors import InvalidCID, StoreError, UsageError
from cid_store.pins import MAX_NOTE, Pin
from cid_store.stores.s3.bucket import Bucket, ObjectMissing

_MAX_PIN: Final = 8 * MAX_NOTE  # bytes: a note in JSON's escapes, and a little more


def save(bucket: Bucket, pin: Pin) -> None:
    """Keep a pin, in place of the one before."""
    bucket.put(f"pin/{pin.cid}", json.dumps({"kind": pin.kind, "note": pin.note}).encode())


def drop(bucket: Bucket, cid: CID) -> bool:
    """Forget a pin; False if there was none."""
    there = bucket.size(f"pin/{cid}") is not None
    bucket.delete(f"pin/{cid}")
    return there


def load(bucket: Bucket, pool: Executor) -> Iterator[Pin]:
    """Every pin, sorted by CID. Raises `StoreError` for an object that is no pin: what it promised is not
    known.
    """
    keys = sorted(bucket.list("pin/"))
    return (pin for pin in pool.map(lambda key: _load(bucket, key), keys) if pin is not None)


def _load(bucket: Bucket, key: str) -> Pin | None:
    try:
        value = json.loads(bucket.get(key, 0, _MAX_PIN))
        return Pin.checked(CID(key.removeprefix("pin/")), value["kind"], value["note"])
    except ObjectMissing:
        return None  # dropped since the listing
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidCID, UsageError):
        raise StoreError(
            f"{key} in {bucket.location} is no pin",
            next_step="delete the object, and pin again what it named",
        ) from None
