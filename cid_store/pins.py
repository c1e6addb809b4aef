"""Pins: the roots that a store promises to keep, and the role of a store that can forget the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from cid_store.cid import CID
from cid_store.errors import UsageError

PinKind = Literal["recursive", "direct"]

MAX_NOTE: Final = 4096
"""Bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A promise to keep a block (`direct`) or the whole DAG below it (`recursive`); `note` says why, for
    people.
    """

    cid: CID
    kind: PinKind = "recursive"
    note: str = ""

    @classmethod
    def checked(cls, cid: CID, kind: PinKind, note: str) -> Pin:
        """A pin of what a caller gave; raises `UsageError`."""
        if kind not in get_args(PinKind):
            raise UsageError(
                f"there is no pin of kind {kind!r}", next_step=f"use {' or '.join(get_args(PinKind))}"
            )
        if len(note.encode()) > MAX_NOTE:
            raise UsageError(f"the note of a pin has at most {MAX_NOTE} bytes", next_step="shorten it")
        return cls(cid, kind, note)


@dataclass(frozen=True, slots=True)
class GcReport:
    """What `gc` deleted, or would delete: blocks, each counted once, and the bytes in them."""

    blocks: int
    bytes: int


class Keeper(ABC):
    """A store that keeps pins and can delete what nobody needs."""

    @abstractmethod
    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid`; a second pin of it replaces the first. The block need not be here yet."""

    @abstractmethod
    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""

    @abstractmethod
    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""

    @abstractmethod
    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Delete every block that `keep` does not name; the caller computes what the pins reach.

        `keep` is read once, while others may write: it should take the pins when it is iterated, not before.
        """
