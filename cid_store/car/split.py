"""Cutting a CAR into CARs of a given size, for storage deals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cid_store.block import Block
from cid_store.car.errors import SectionTooLarge
from cid_store.car.format import encode_header, section_head
from cid_store.car.reader import open_car
from cid_store.car.writer import PayloadWriter
from cid_store.errors import UsageError

MAX_PARTS: Final = 100_000
"""Files of one cut: what five digits number, so that the order of names is the order of parts."""


def split_car(
    source: str | os.PathLike[str] | BinaryIO,
    target_size: int,
    folder: str | os.PathLike[str],
    *,
    headroom: int = 0,
    stem: str = "part",
    zero_is_end: bool = False,
) -> list[Path]:
    """Cut a CAR into CARv1 files of at most `target_size - headroom` bytes each; returns them in order.

    Every block is proven and written once for each time it comes, in the source's order; every part names
    the source's roots, which says what it belongs to. The same source and sizes give the same files, byte
    for byte. A part is named only when it is whole. Raises `SectionTooLarge` when one block does not fit a
    part, `UsageError` when there would be more than `MAX_PARTS`.
    """
    target, room = Path(folder), target_size - headroom
    parts: list[Path] = []
    with open_car(source, zero_is_end=zero_is_end) as car:
        header = len(encode_header(car.roots))
        if headroom < 0 or room <= header:
            raise UsageError(
                f"{target_size} bytes less {headroom} leave no room for a header of {header} bytes"
            )
        for number, blocks in enumerate(runs(car.blocks(), room - header)):
            if number == MAX_PARTS:
                raise UsageError(
                    f"parts of {room} bytes are more than {MAX_PARTS} files; the first {MAX_PARTS} are there",
                    next_step="remove them, and take a larger size",
                )
            path = target / f"{stem}-{number:05d}.car"
            unfinished = path.with_suffix(".car.part")
            try:
                with unfinished.open("wb") as file:
                    payload = PayloadWriter(file, car.roots)
                    for block in blocks:
                        payload.add(block)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
            parts.append(path)
    return parts


def runs(blocks: Iterator[Block], room: int) -> Iterator[Iterator[Block]]:
    """Blocks in runs of at most `room` bytes of sections; each is consumed before the next is asked for."""
    following: Block | None = next(blocks, None)

    def run(first: Block | None) -> Iterator[Block]:
        nonlocal following
        used = 0
        while first is not None:
            used += _section_size(first, room)
            if used > room:
                break
            yield first
            first = next(blocks, None)
        following = first

    yield run(following)
    while following is not None:
        yield run(following)


def _section_size(block: Block, room: int) -> int:
    size = len(section_head(block.cid, len(block.data))) + len(block.data)
    if size > room:
        raise SectionTooLarge(f"block {block.cid} needs {size} bytes and a part has {room}", cid=block.cid)
    return size
