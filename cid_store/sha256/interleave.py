"""Four messages at a time through the kernel: lanes that finish take the next message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cid_store.sha256 import constants
from cid_store.sha256.sha_ni import ORDER
from cid_store.sha256.streams import WIDTH, absorbers


@dataclass(slots=True)
class _Stream:
    """A message on its way: first the whole blocks of the buffer, then the padded rest."""

    position: int
    address: int
    blocks: int
    tail: np.ndarray[tuple[int], np.dtype[np.uint8]]
    in_tail: bool = False

    @classmethod
    def of(cls, position: int, view: memoryview) -> _Stream:
        whole = len(view) // 64
        rest = bytes(view[whole * 64 :])
        zeros = -(len(rest) + 9) % 64
        padded = rest + b"\x80" + bytes(zeros) + (8 * len(view)).to_bytes(8, "big")
        return cls(position, _address(view), whole, np.frombuffer(padded, np.uint8))

    def advance(self, blocks: int) -> bool:
        """Count `blocks` as hashed; whether the message is finished."""
        self.address += 64 * blocks
        self.blocks -= blocks
        if self.blocks == 0 and not self.in_tail:
            self.address, self.blocks, self.in_tail = self.tail.ctypes.data, len(self.tail) // 64, True
        return self.blocks == 0


def _address(view: memoryview) -> int:
    return np.frombuffer(view, np.uint8).ctypes.data


def interleaved(views: Sequence[memoryview]) -> list[bytes]:
    """The digests of at least one view each of at least 64 bytes; lanes that finish take the next message."""
    one, all_ = absorbers()
    start = np.array([constants.INITIAL[i] for i in ORDER], np.uint32)
    letters = np.argsort(ORDER)
    waiting: Iterator[_Stream] = (_Stream.of(i, view) for i, view in enumerate(views))
    lanes = [stream for _, stream in zip(range(WIDTH), waiting, strict=False)]
    states = np.tile(start, (WIDTH, 1))
    digests = [b""] * len(views)
    while lanes:
        width = WIDTH if len(lanes) == WIDTH else 1
        blocks = min(stream.blocks for stream in lanes[:width])
        pointers = np.array([stream.address for stream in lanes[:width]], np.uint64)
        (all_ if width == WIDTH else one)(pointers.ctypes.data, blocks, states.ctypes.data)
        for lane in reversed(range(width)):
            stream = lanes[lane]
            if not stream.advance(blocks):
                continue
            digests[stream.position] = states[lane, letters].astype(">u4").tobytes()
            following = next(waiting, None)
            if following is not None:
                lanes[lane] = following
                states[lane] = start
            else:
                del lanes[lane]
                states[lane : WIDTH - 1] = states[lane + 1 :]
    return digests
