"""Pins as small files, one a CID: they must outlive a lost index, or the next `gc` would delete what they
protect.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress

from cid_store.cid import CID
from cid_store.errors import CidStoreError, StoreError
from cid_store.pins import MAX_NOTE, Pin
from cid_store.stores.local.folder import Folder, sync_folder, write_all
from cid_store.stores.local.locks import temp_file

_MAX_FILE = 8 * MAX_NOTE  # bytes: JSON escapes make at most six of one


def save(folder: Folder, pin: Pin, *, fsync: bool) -> None:
    """Write a pin, in the place of any earlier one."""
    pins = folder.sub("pins")
    with temp_file(folder) as (fd, path):
        write_all(fd, json.dumps({"kind": pin.kind, "note": pin.note}).encode(), 0)
        if fsync:
            os.fsync(fd)
        path.rename(pins / pin.cid)
    if fsync:
        sync_folder(pins)


def drop(folder: Folder, cid: CID, *, fsync: bool) -> bool:
    """Remove a pin; False if there was none."""
    pins = folder.sub("pins")
    with suppress(FileNotFoundError):
        (pins / cid).unlink()
        if fsync:
            sync_folder(pins)
        return True
    return False


def load(folder: Folder) -> Iterator[Pin]:
    """Every pin, sorted by CID. Raises `StoreError` on a damaged one: a pin that is passed over frees its
    data.
    """
    pins = folder.sub("pins")
    for name in sorted(os.listdir(pins)):
        try:
            with (pins / name).open("rb") as f:
                value = json.loads(f.read(_MAX_FILE))
            pin = Pin.checked(CID(name), value["kind"], str(value["note"]))
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, CidStoreError) as e:
            raise StoreError(
                f"the pin {pins / name} is damaged", next_step="pin that CID again, or remove the file"
            ) from e
        yield pin
