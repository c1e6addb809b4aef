"""Writing CARs of version 1 and 2, streamed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cid_store import multihash
from cid_store.block import Block
from cid_store.car.errors import NotSeekable, SectionTooLarge
from cid_store.car.format import MAX_SECTION, PAYLOAD_START, PRAGMA, HeaderV2, encode_header, section_head
from cid_store.car.index import MULTIHASH_INDEX_SORTED, entries_of, write_index
from cid_store.car.reader import open_car
from cid_store.car.sink import write_all
from cid_store.cid import CID


@dataclass(frozen=True, slots=True)
class CarSummary:
    """What was written: blocks, and bytes of the whole file."""

    blocks: int
    bytes: int


class PayloadWriter:
    """A CARv1 being written: the header at once, then sections. `size` is the bytes so far."""

    def __init__(self, file: BinaryIO, roots: Sequence[CID]) -> None:
        self._file = file
        self.size = write_all(file, encode_header(roots))
        self.blocks = 0

    def add(self, block: Block) -> int:
        """Write a section; returns its offset. The block is not proven here. Raises `SectionTooLarge`."""
        head, offset = section_head(block.cid, len(block.data)), self.size
        if len(block.cid.binary) + len(block.data) > MAX_SECTION:
            raise SectionTooLarge(
                f"block {block.cid} is {len(block.data)} bytes; a section has at most {MAX_SECTION}",
                cid=block.cid,
            )
        self.size += write_all(self._file, head) + write_all(self._file, block.data)
        self.blocks += 1
        return offset


def write_car(
    file: BinaryIO,
    roots: Sequence[CID],
    blocks: Iterable[Block],
    *,
    duplicates: bool = False,
    identity: bool = False,
) -> CarSummary:
    """Write a CARv1 to a file or stream. `roots` may be empty and need not be among the blocks.

    A block is written the first time it comes, by multihash, unless `duplicates`; blocks of identity CIDs
    only with `identity`. Blocks are written as they come, unproven: what a `Store` or a reader gives out is
    proven already.
    """
    payload = PayloadWriter(file, roots)
    for block in _chosen(blocks, duplicates, identity):
        payload.add(block)
    return CarSummary(payload.blocks, payload.size)


def write_car_v2(
    file: BinaryIO,
    roots: Sequence[CID],
    blocks: Iterable[Block],
    *,
    duplicates: bool = False,
    identity: bool = False,
    index: int | None = MULTIHASH_INDEX_SORTED,
) -> CarSummary:
    """Write a CARv2, with an index of format `index` or none; otherwise as `write_car`.

    The header states the payload's size, which is known only at the end: `file` must seek, or `NotSeekable`.
    """
    if not file.seekable():
        raise NotSeekable(
            "a CARv2 is written to a file that can seek", next_step="write a CARv1, or to a file"
        )
    start = file.tell()
    write_all(file, PRAGMA + HeaderV2(PAYLOAD_START, 0, 0).encode())
    payload = PayloadWriter(file, roots)
    places: list[tuple[CID, int]] = []
    complete = True
    for block in _chosen(blocks, duplicates, identity):
        places.append((block.cid, payload.add(block)))
        complete = complete and block.cid.hash_code != multihash.IDENTITY
    end = PAYLOAD_START + payload.size
    indexed = 0 if index is None else write_index(file, entries_of(places), index)
    header = HeaderV2(PAYLOAD_START, payload.size, end if indexed else 0, bool(indexed) and complete)
    file.seek(start + len(PRAGMA))
    write_all(file, header.encode())
    file.seek(start + end + indexed)
    return CarSummary(payload.blocks, end + indexed)


def index_car(
    source: str | os.PathLike[str] | BinaryIO, file: BinaryIO, index: int = MULTIHASH_INDEX_SORTED
) -> int:
    """Write the index of a CAR, made from its sections and not from an index it has; returns its bytes."""
    with open_car(source) as car:
        return write_index(
            file, entries_of((section.cid, section.offset) for section in car.sections()), index
        )


def _chosen(blocks: Iterable[Block], duplicates: bool, identity: bool) -> Iterator[Block]:
    seen: set[bytes] = set()
    for block in blocks:
        if not identity and block.cid.hash_code == multihash.IDENTITY:
            continue
        if not duplicates:
            key = block.cid.multihash
            if key in seen:
                continue
            seen.add(key)
        yield block
