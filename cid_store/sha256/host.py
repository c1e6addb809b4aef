"""Which kernels this machine can run, and which one is used.

The environment variable `CODATA_KERNEL` forces one: `sha-ni`, `vector` or `hashlib`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Final, Literal, get_args

from cid_store.errors import UsageError

Kernel = Literal["sha-ni", "vector", "hashlib"]
"""SHA instructions of x86 · ordinary vectors through LLVM · the standard library."""

VARIABLE: Final = "CODATA_KERNEL"


class KernelUnavailable(UsageError):
    """The kernel asked for does not run on this machine."""

    default_next = f"unset {VARIABLE}, or install the extra: pip install 'codata-pipeline[fast]'"


@cache
def features() -> frozenset[str]:
    """The CPU's features in LLVM's names; empty without llvmlite."""
    try:
        from cid_store.sha256.llvm import host_features
    except (ImportError, OSError):  # not installed, or built for another C library
        return frozenset()
    return host_features()


_FAST_VECTORS: Final = frozenset({"znver5"})
"""CPUs whose vectors were measured to hash trees faster than their SHA instructions (LLVM's names)."""


@cache
def kernels() -> tuple[Kernel, ...]:
    """The kernels that run here, fastest first for trees. `hashlib` always does."""
    found: list[Kernel] = []
    if features():
        found.append("vector")
    if {"sha", "ssse3", "sse4.1"} <= features():
        found.insert(1 if _fast_vectors() else 0, "sha-ni")
    return (*found, "hashlib")


def _fast_vectors() -> bool:
    from cid_store.sha256.llvm import host_name

    return host_name() in _FAST_VECTORS


def forced() -> Kernel | None:
    """The kernel that the environment asks for. Raises `UsageError`, `KernelUnavailable`."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    known: tuple[Kernel, ...] = get_args(Kernel)
    kernel = next((k for k in known if k == name), None)
    if kernel is None:
        raise UsageError(f"{VARIABLE}={name!r} is no kernel", next_step=f"use one of {', '.join(known)}")
    if kernel not in kernels():
        raise KernelUnavailable(f"the kernel {name} does not run here; these do: {', '.join(kernels())}")
    return kernel


def chosen() -> Kernel:
    """The forced kernel, or else the fastest. Raises `UsageError`, `KernelUnavailable`."""
    return forced() or kernels()[0]
