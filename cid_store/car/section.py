"""Sections: how CIDs and blocks follow each other in a CARv1 payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cid_store import varint
from cid_store.block import Block
from cid_store.car.errors import BadCarHeader, BadSection, SectionTooLarge, TruncatedCar, ZeroLengthSection
from cid_store.car.format import MAX_HEADER, MAX_SECTION, decode_header
from cid_store.car.source import Input
from cid_store.cid import CID
from cid_store.codecs.link import PREFIXES
from cid_store.errors import DecodeError, InvalidCID
from cid_store.multihash import MAX_DIGEST

_MAX_VARINT: Final = 9
_MAX_CID: Final = 4 * _MAX_VARINT + MAX_DIGEST


class Section(NamedTuple):
    """Where a block lies. Offsets in bytes from the start of the CARv1 payload."""

    cid: CID
    offset: int
    length: int
    block_offset: int
    block_length: int


def read_header(source: Input) -> tuple[int, list[CID]]:
    """Version and roots where `source` stands. Raises `BadCarHeader`, `TruncatedCar`, `SectionTooLarge`."""
    if not source.peek(1):
        raise TruncatedCar("the CAR is empty")
    try:
        size, width = _length(source, "the CAR header")
    except BadSection as e:
        raise BadCarHeader(e.message) from None
    if size == 0:
        raise BadCarHeader("the CAR header is empty")
    if size > MAX_HEADER:
        raise SectionTooLarge(f"the CAR header claims {size} bytes; the limit is {MAX_HEADER}")
    source.skip(width)
    return decode_header(source.take(size, "the CAR header"))


def iter_sections(source: Input, end: int | None, *, zero_is_end: bool) -> Iterator[Section]:
    """The sections where `source` stands, blocks skipped unread. `end`: where the payload ends, if known."""
    for section in _heads(source, end, zero_is_end):
        source.skip(section.block_length)
        yield section


def iter_blocks(source: Input, end: int | None, *, zero_is_end: bool) -> Iterator[Block]:
    """The blocks from where `source` stands, unproven."""
    for section in _heads(source, end, zero_is_end):
        yield Block(section.cid, source.take(section.block_length, f"block {section.cid}"))


def read_section(source: Input) -> Block:
    """The one block whose section begins where `source` stands, unproven."""
    return next(iter_blocks(source, None, zero_is_end=False), None) or _nothing(source)


def _nothing(source: Input) -> Block:
    raise TruncatedCar(f"no section begins at {source.position}: the CAR ends there")


def _heads(source: Input, end: int | None, zero_is_end: bool) -> Iterator[Section]:
    """Each section's head; the caller consumes the block before asking for the next."""
    while end is None or source.position < end:
        offset = source.position
        if not source.peek(1):
            if end is not None:
                raise TruncatedCar(f"the CAR ends at {offset} of {end} bytes")
            return
        length, width = _length(source, f"the section at {offset}")
        if length == 0:
            if zero_is_end:
                return
            raise ZeroLengthSection(f"the section at {offset} has length zero")
        if length > MAX_SECTION:
            raise SectionTooLarge(
                f"the section at {offset} claims {length} bytes; the limit is {MAX_SECTION}"
            )
        if end is not None and offset + width + length > end:
            raise TruncatedCar(f"the section at {offset} runs past the end of the payload at {end}")
        source.skip(width)
        cid, size = _cid(source.peek(min(length, _MAX_CID)), length, offset)
        source.skip(size)
        yield Section(cid, offset, width + length, offset + width + size, length - size)


def _length(source: Input, what: str) -> tuple[int, int]:
    """The length at the front, and its own width; nothing is consumed."""
    ahead = source.peek(_MAX_VARINT)
    try:
        return varint.decode(ahead)
    except DecodeError as e:
        if len(ahead) < _MAX_VARINT and ahead[-1] >= 0x80:
            raise TruncatedCar(f"{what} is cut short in its length") from None
        raise BadSection(f"{what} has no valid length: {e.message}") from None


def _cid(ahead: bytes, length: int, offset: int) -> tuple[CID, int]:
    code = PREFIXES.get(ahead[:4])
    if code is not None and len(ahead) >= 36:
        return CID.sha256(code, ahead[4:36]), 36
    code = PREFIXES.get(ahead[:5])
    if code is not None and len(ahead) >= 37:
        return CID.sha256(code, ahead[5:37]), 37
    try:
        return CID.read(ahead)
    except InvalidCID as e:
        if len(ahead) < min(length, _MAX_CID):
            raise TruncatedCar(f"the section at {offset} is cut short in its CID") from None
        raise BadSection(f"the section at {offset} has no valid CID: {e.message}") from None
