"""Reading CARs of version 1 and 2, from files with random access and from streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final, Self

from cid_store import multihash
from cid_store.block import Block
from cid_store.car.errors import BadCarHeader, BadIndex, NotSeekable, SectionTooLarge, TruncatedCar
from cid_store.car.format import PAYLOAD_START, V2_HEADER_SIZE, HeaderV2
from cid_store.car.index import Index
from cid_store.car.section import Section, iter_blocks, iter_sections, read_header, read_section
from cid_store.car.source import CHUNK, FileSource, Input, PathSource, Source, cursor, once
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CorruptBlock, DecodeError, UsageError

_SKIMMING: Final = 16 * 1024  # bytes read ahead when only the heads of sections are wanted


class CarReader:
    """An open CAR. Thread-safe over files; a stream is read once, by `blocks` or by `sections`."""

    version: int
    """1 or 2."""
    roots: tuple[CID, ...]
    """As the header claims: whether the blocks are there is for `verify_car` to say."""
    header_v2: HeaderV2 | None
    """The outer header of a CARv2."""

    def __init__(self, source: Source | Input, *, zero_is_end: bool = False) -> None:
        self._source = None if isinstance(source, Input) else source
        self._zero_is_end = zero_is_end
        self._lock = threading.Lock()
        self._scanned: dict[bytes, int] | None = None
        front = source if isinstance(source, Input) else cursor(source, 0, source.size, _SKIMMING)
        self._start, self._end = 0, None if self._source is None else self._source.size
        self.version, roots = read_header(front)
        self.header_v2 = None
        if self.version == 2:
            self.header_v2 = self._enter_payload(front)
            inner, roots = read_header(front)
            if inner != 1:
                raise BadCarHeader(f"the payload of a CARv2 is a CARv1, not version {inner}")
        self.roots = tuple(roots)
        self._first = front.position
        self._stream = front if self._source is None else None
        self._index = self._open_index()

    def blocks(self, verify: bool = True) -> Iterator[Block]:
        """The blocks in file order, proven if `verify`. Raises `CorruptBlock` and what `car.errors` names."""
        blocks = iter_blocks(self._forward(CHUNK), self._end, zero_is_end=self._zero_is_end)
        # On one thread: with SHA-256 in hardware a second one gave nothing, and reading costs a fifth of it.
        return (block.check() for block in blocks) if verify else blocks

    def sections(self) -> Iterator[Section]:
        """Where each block lies, without reading the blocks. Offsets count from the payload's start."""
        return iter_sections(self._forward(_SKIMMING), self._end, zero_is_end=self._zero_is_end)

    def get(self, cid: CID) -> bytes:
        """One block's bytes, proven. Raises `BlockNotFound`, `CorruptBlock`; `NotSeekable` on a stream."""
        if cid.hash_code == multihash.IDENTITY:
            return cid.digest
        for offset in self._hints(cid):
            data = self._block_at(offset, cid)
            if data is not None:
                return data
        # An index from elsewhere proves nothing by what it leaves out.
        at = self._scan().get(cid.multihash)
        if at is None:
            raise BlockNotFound(f"block {cid} is not in the CAR", cid=cid)
        data = bytes(read_section(self._cursor(at)).data)
        cid.check(data)
        return data

    def close(self) -> None:
        """Close what was opened here; a file object of the caller stays open."""
        if self._source is not None:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _enter_payload(self, front: Input) -> HeaderV2:
        header = HeaderV2.decode(front.take(V2_HEADER_SIZE, "the CARv2 header"))
        front.skip(header.data_offset - PAYLOAD_START)
        front.position = 0
        if self._source is not None and header.data_offset + header.data_size > self._source.size:
            raise TruncatedCar(
                f"the CARv2 header promises {header.data_size} bytes at {header.data_offset}, "
                f"and the file has {self._source.size}"
            )
        self._start, self._end = header.data_offset, header.data_size
        return header

    def _open_index(self) -> Index | None:
        if self._source is None or self.header_v2 is None or not self.header_v2.index_offset:
            return None
        try:
            return Index(self._source, self.header_v2.index_offset)
        except BadIndex:
            return None  # `get` scans instead: a bad index costs time and nothing else

    def _forward(self, chunk: int) -> Input:
        if self._source is not None:
            return self._cursor(self._first, chunk)
        stream, self._stream = self._stream, None
        if stream is None:
            raise NotSeekable("this CAR is a stream and was read before")
        return stream

    def _cursor(self, offset: int, chunk: int = CHUNK) -> Input:
        if self._source is None or self._end is None:
            raise NotSeekable("a CAR that is a stream has no random access")
        found = cursor(self._source, self._start + offset, self._start + self._end, chunk)
        found.position = offset
        return found

    def _hints(self, cid: CID) -> Iterator[int]:
        if self._index is None:
            return
        try:
            yield from self._index.find(cid)
        except BadIndex:
            return

    def _block_at(self, offset: int, cid: CID) -> bytes | None:
        """The block whose section the index puts at `offset`, or None where the index is wrong."""
        assert self._end is not None
        if not self._first <= offset < self._end:
            return None
        try:
            block = read_section(self._cursor(offset))
            if block.cid.multihash != cid.multihash:
                return None
            cid.check(block.data)
        except (DecodeError, SectionTooLarge, CorruptBlock):
            return None
        return bytes(block.data)

    def _scan(self) -> dict[bytes, int]:
        """The first section of each multihash; about 200 bytes of memory a block."""
        with self._lock:
            if self._scanned is None:
                found: dict[bytes, int] = {}
                for section in iter_sections(
                    self._cursor(self._first, _SKIMMING), self._end, zero_is_end=self._zero_is_end
                ):
                    found.setdefault(section.cid.multihash, section.offset)
                self._scanned = found
            return self._scanned


def open_car(source: str | PathLike[str] | BinaryIO, *, zero_is_end: bool = False) -> CarReader:
    """Open a CAR of version 1 or 2 by path or file object; a stream that can't seek is read once.

    `zero_is_end`: take a section of length zero for the end, as for files padded with zeros; otherwise an
    error. Raises `BadCarHeader`, `TruncatedCar`, `SectionTooLarge`, `UsageError` when the path can't be
    opened.
    """
    if isinstance(source, str | PathLike):
        try:
            path_source = PathSource(Path(source))
        except OSError as e:
            raise UsageError(f"{source} can't be opened: {e.strerror}", next_step="check the path") from None
        try:
            return CarReader(path_source, zero_is_end=zero_is_end)
        except BaseException:
            path_source.close()
            raise
    return CarReader(FileSource(source) if source.seekable() else once(source), zero_is_end=zero_is_end)
