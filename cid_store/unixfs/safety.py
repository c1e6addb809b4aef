"""Which names and links may be written into a folder. Pure functions, no disk."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator

from cid_store.unixfs.directory import Entry
from cid_store.unixfs.errors import UnsafeName

MAX_NAME = 255
"""Bytes. What common file systems hold in one name."""

MAX_TARGET = 4095
"""Bytes. The longest path that a symlink holds on Linux."""


def check_name(name: str, where: str) -> str:
    """`name`, if it names something directly inside the folder `where`; raises `UnsafeName`."""
    reason = None
    if name in ("", ".", ".."):
        reason = "it does not name an entry of its folder"
    elif "/" in name or (os.sep in name) or (os.altsep is not None and os.altsep in name):
        reason = "it holds a path separator"
    elif "\0" in name:
        reason = "it holds a NUL"
    elif len(name.encode()) > MAX_NAME:
        reason = f"it is over {MAX_NAME} bytes long"
    if reason:
        raise UnsafeName(f"the entry {name[:300]!r} in {where!r} can't be written: {reason}")
    return name


def distinct(entries: Iterable[Entry], where: str) -> Iterator[Entry]:
    """The entries; raises `UnsafeName` at one that differs from another in case or Unicode form only."""
    seen: dict[str, str] = {}
    for entry in entries:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", entry.name).casefold())
        if folded in seen:
            raise UnsafeName(
                f"{seen[folded]!r} and {entry.name!r} in {where!r} are one name where case is ignored",
                next_step="allow names that differ in case only, or export one of them by path",
            )
        seen[folded] = entry.name
        yield entry


def check_target(target: bytes, depth: int, where: str) -> bytes:
    """`target`, if a symlink to it stays inside the export; raises `UnsafeName`.

    `depth`: folders between the export's top and the link. `..` may only come first: after a name it could
    lead through another symlink, and out.
    """
    reason = None
    if not target or b"\0" in target or len(target) > MAX_TARGET:
        reason = "it is empty, too long or holds a NUL"
    elif target.startswith(b"/"):
        reason = "it is absolute"
    else:
        parts = [part for part in target.split(b"/") if part not in (b"", b".")]
        ups = next((i for i, part in enumerate(parts) if part != b".."), len(parts))
        if ups > depth:
            reason = "it leads out of the folder"
        elif b".." in parts[ups:]:
            reason = "it goes up after going down"
    if reason:
        raise UnsafeName(f"the symlink {where!r} to {target[:300]!r} can't be written: {reason}")
    return target
