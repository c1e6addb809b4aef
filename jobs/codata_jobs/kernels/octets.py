"""Bytes, several at a time.

Places are unsigned here: for a signed one numba asks at each byte whether it counts from the end, and the
compiler can't make one load of eight then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codata_jobs.kernels.compiled import Array, inlined

_1 = np.uint64(1)
_8 = np.uint64(8)
_32 = np.uint64(32)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_STIR = np.uint64(0xC2B2AE3D27D4EB4F)


@inlined
def half(data: Array, at: int) -> np.uint64:
    """The four bytes at `at`, the first lowest."""
    i: Any = np.uint64(at)
    return np.uint64(
        np.uint64(data[i])
        | np.uint64(data[i + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[i + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[i + np.uint64(3)]) << np.uint64(24)
    )


@inlined
def word(data: Array, at: int) -> np.uint64:
    """The eight bytes at `at`, the first lowest."""
    i: Any = np.uint64(at)
    return np.uint64(
        np.uint64(data[i])
        | np.uint64(data[i + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[i + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[i + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[i + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[i + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[i + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[i + np.uint64(7)]) << np.uint64(56)
    )


@inlined
def equal(data: Array, start: int, other: Array, begin: int, size: int) -> bool:
    """Whether the `size` bytes at `start` of one are those at `begin` of the other."""
    k, n = np.uint64(0), np.uint64(size)
    a, b = np.uint64(start), np.uint64(begin)
    while k < n and data[a + k] == other[b + k]:
        k += _1
    return bool(k == n)


@inlined
def put_word(data: Array, at: int, value: np.uint64) -> None:
    """Write eight bytes at `at`, the lowest first."""
    i: Any = np.uint64(at)
    data[i] = np.uint8(value)
    data[i + np.uint64(1)] = np.uint8(value >> np.uint64(8))
    data[i + np.uint64(2)] = np.uint8(value >> np.uint64(16))
    data[i + np.uint64(3)] = np.uint8(value >> np.uint64(24))
    data[i + np.uint64(4)] = np.uint8(value >> np.uint64(32))
    data[i + np.uint64(5)] = np.uint8(value >> np.uint64(40))
    data[i + np.uint64(6)] = np.uint8(value >> np.uint64(48))
    data[i + np.uint64(7)] = np.uint8(value >> np.uint64(56))


@inlined
def stirred(h: np.uint64, value: np.uint64) -> np.uint64:
    """A hash that another eight bytes have gone into.

    Multiplied twice. After one multiplication a change of the highest bit is the same change for every seed,
    which the next bytes could undo; after two, no change of one bit has an outcome that is met more often
    than once in two thousand times.
    """
    h = (h ^ value) * _MIX
    h = (h ^ (h >> _32)) * _STIR
    return np.uint64(h ^ (h >> _32))


@inlined
def hash_words(data: Array, start: int, end: int, seed: np.uint64) -> np.uint64:
    """As `interning.hash_bytes`, for strings of more than some bytes: eight at a time."""
    h = seed ^ np.uint64(end - start)
    at = start
    while at + 8 <= end:
        h = stirred(h, word(data, at))
        at += 8
    rest = np.uint64(0)
    for i in range(at, end):
        rest = rest << _8 | np.uint64(data[np.uint64(i)])
    return stirred(h, rest)
