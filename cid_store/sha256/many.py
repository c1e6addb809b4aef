"""`sha256_many`: the SHA-256 of many buffers, four at a time on one core.

A kernel is compiled only once a process has hashed enough for that to pay; results are the same either way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from cid_store.sha256 import constants, host

Buffer = bytes | bytearray | memoryview

LEAST_BYTES: Final = 16 * 1024
"""Shorter buffers cost more to hand to the kernel than it saves."""

_WORTH_COMPILING: Final = 1024 * 1024 * 1024
"""Bytes hashed before the kernel is compiled; measured in docs/decisions/0007-piece-kernels.md."""

_seen = 0


def sha256_many(buffers: Sequence[Buffer]) -> list[bytes]:
    """The digest of each buffer (contiguous, any lengths), in order.

    Runs in the calling thread with the GIL released: call it from one thread per core. It pays with four
    buffers or more of about the same length.
    """
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    long = [i for i, view in enumerate(views) if len(view) >= LEAST_BYTES]
    if len(long) < 2 or not _kernel_pays(sum(len(views[i]) for i in long)):
        return [hashlib.sha256(view).digest() for view in views]
    digests = dict(zip(long, _interleaved([views[i] for i in long]), strict=True))
    return [digests.get(i) or hashlib.sha256(view).digest() for i, view in enumerate(views)]


def _kernel_pays(size: int) -> bool:
    """Whether to use the kernel: it runs here, and is soon worth compiling. A forced one always is."""
    global _seen
    _seen += size  # a race between threads loses a count, which only delays compiling
    forced = host.forced()
    wanted = forced == "sha-ni" if forced else _seen >= _WORTH_COMPILING and "sha-ni" in host.kernels()
    return wanted and _works()


@cache
def _works() -> bool:
    """Whether the kernel compiles here and hashes right; otherwise `hashlib` serves."""
    sample = [bytes([i]) * (200 + 7 * i) for i in range(5)]
    try:
        found = _interleaved([memoryview(data) for data in sample])
    except RuntimeError:  # some systems forbid new machine code
        return False
    return found == [hashlib.sha256(data).digest() for data in sample]


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


def _interleaved(views: Sequence[memoryview]) -> list[bytes]:
    """The digests of at least one view each of at least 64 bytes; lanes that finish take the next message."""
    from cid_store.sha256.sha_ni import ORDER
    from cid_store.sha256.streams import WIDTH, absorbers

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
