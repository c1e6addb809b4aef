"""Kernels: from payload bytes to the roots of subtrees of one size.

A kernel is a function `tree_roots(data, quads) -> bytes`: `data` is a whole number of chunks of `quads`·127
bytes (`quads` a power of two), and the result is one 32-byte root per chunk. All kernels give the same
bytes; they may be called from several threads. `CODATA_KERNEL` (see `cid_store.sha256.host`) forces one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from cid_store.piece.kernels import plain
from cid_store.sha256 import host

TreeRoots = Callable[[memoryview, int], bytes]

WORTH_COMPILING: Final = 8 * 1024 * 1024
"""Payload bytes from which compiling a kernel takes less time than it saves; see
docs/decisions/0007-piece-kernels.md."""


@cache
def load(name: host.Kernel) -> TreeRoots:
    """The kernel of that name, compiled if need be. Raises `RuntimeError` where LLVM can't."""
    if name == "hashlib":
        return plain.tree_roots
    from cid_store.piece.kernels import compiled

    return compiled.tree_roots_of(name)


def choose(size: int) -> TreeRoots:
    """The kernel for a payload of at least `size` bytes. Raises only where one is forced."""
    forced = host.forced()
    if forced is not None:
        return load(forced)
    compiled = _fastest.cache_info().currsize > 0
    return _fastest() if compiled or size >= WORTH_COMPILING else plain.tree_roots


@cache
def _fastest() -> TreeRoots:
    """The first kernel that compiles and proves right: some systems forbid new machine code."""
    for name in host.kernels():
        try:
            return load(name)
        except RuntimeError:
            continue
    return plain.tree_roots
