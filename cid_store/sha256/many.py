"""`sha256_many`: the SHA-256 of many buffers, four at a time on one core.

A kernel is compiled only once a process has hashed enough for that to pay; results are the same either way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Final

from cid_store.sha256 import host

Buffer = bytes | bytearray | memoryview

LEAST_BYTES: Final = 16 * 1024
"""Shorter buffers cost more to hand to the kernel than it saves."""

_WORTH_COMPILING: Final = 2 * 1024 * 1024 * 1024
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
    expect(size)  # a race between threads loses a count, which only delays compiling
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


def _interleaved(views: Sequence[memoryview]) -> list[bytes]:
    from cid_store.sha256.interleave import interleaved  # brings numpy: not for a process that hashes little

    return interleaved(views)


def expect(size: int) -> bool:
    """Say that `size` bytes are going to be hashed; returns whether that is enough for a kernel to serve."""
    global _seen
    _seen += size
    return _seen >= _WORTH_COMPILING
