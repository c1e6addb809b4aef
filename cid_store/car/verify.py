"""Is a CAR what it claims: every block proven, the roots there, no link open."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from cid_store import multihash
from cid_store.block import Block
from cid_store.car.reader import open_car
from cid_store.cid import CID
from cid_store.errors import DecodeError, LimitExceeded, UnsupportedCodec
from cid_store.walk import links_of


@dataclass(frozen=True, slots=True)
class CarReport:
    """A CAR whose blocks are all proven. `bytes` counts blocks alone; `missing` is in order of first link."""

    version: int
    roots: tuple[CID, ...]
    blocks: int
    bytes: int
    duplicates: int
    missing_roots: tuple[CID, ...]
    missing: tuple[CID, ...]
    opaque: int
    """Blocks whose links can't be read, and so were not followed: codecs not known here, malformed nodes."""

    @property
    def complete(self) -> bool:
        """Whether every root and every link is in the file. Opaque blocks count as having no links."""
        return not self.missing_roots and not self.missing


class _Links:
    """Which blocks came and which links wait for theirs, by multihash."""

    def __init__(self) -> None:
        self.present: set[bytes] = set()
        self.waiting: dict[bytes, CID] = {}
        self.opaque = 0

    def add(self, block: Block) -> bool:
        """Note a block and its links; false when its bytes came before."""
        key = block.cid.multihash
        new = key not in self.present
        self.present.add(key)
        self.waiting.pop(key, None)
        self.follow(block.cid, block.data)
        return new

    def follow(self, cid: CID, data: bytes | memoryview) -> None:
        """Note the links of a block, and those of blocks that lie inside links."""
        pending = [(cid, data)]
        while pending:
            parent, content = pending.pop()
            try:
                links = list(links_of(parent, content))
            except (UnsupportedCodec, DecodeError, LimitExceeded):
                self.opaque += 1
                continue
            for link in links:
                if link.hash_code == multihash.IDENTITY:
                    pending.append((link, link.digest))
                elif (key := link.multihash) not in self.present:
                    self.waiting.setdefault(key, link)

    def has(self, cid: CID) -> bool:
        return cid.hash_code == multihash.IDENTITY or cid.multihash in self.present


def verify_car(source: str | os.PathLike[str] | BinaryIO, *, zero_is_end: bool = False) -> CarReport:
    """Prove every block of a CAR and find what is missing, in one pass.

    Raises `CorruptBlock`, `TruncatedCar` and the other kinds of `cid_store.car.errors`; a missing block is
    no error but reported. Memory: a digest a block and each link that waits for its block.
    """
    links = _Links()
    blocks = size = duplicates = 0
    with open_car(source, zero_is_end=zero_is_end) as car:
        for block in car.blocks():
            blocks += 1
            size += len(block.data)
            duplicates += not links.add(block)
        for root in car.roots:
            if root.hash_code == multihash.IDENTITY:
                links.follow(root, root.digest)
        return CarReport(
            version=car.version,
            roots=car.roots,
            blocks=blocks,
            bytes=size,
            duplicates=duplicates,
            missing_roots=tuple(root for root in car.roots if not links.has(root)),
            missing=tuple(links.waiting.values()),
            opaque=links.opaque,
        )
