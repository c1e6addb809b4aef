"""XXH64 of slices of a buffer.

Source: the algorithm as published by its author, Yann Collet (xxHash 0.8.3, `doc/xxhash_spec.md`). Not
proof against forgery: whoever writes two texts can make their hashes equal.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled, inlined
from codata_jobs.kernels.octets import half, word

_P1: Final = np.uint64(0x9E3779B185EBCA87)
_P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P3: Final = np.uint64(0x165667B19E3779F9)
_P4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P5: Final = np.uint64(0x27D4EB2F165667C5)
_ALL: Final = np.uint64(64)


@inlined
def _rotated(x: np.uint64, bits: np.uint64) -> np.uint64:
    return np.uint64((x << bits) | (x >> (_ALL - bits)))


@inlined
def _round(state: np.uint64, lane: np.uint64) -> np.uint64:
    return np.uint64(_rotated(state + lane * _P2, np.uint64(31)) * _P1)


@inlined
def _merged(state: np.uint64, lane: np.uint64) -> np.uint64:
    return np.uint64((state ^ _round(np.uint64(0), lane)) * _P1 + _P4)


@compiled
def xxh64(data: Array, start: int, end: int, seed: np.uint64) -> np.uint64:
    """The hash of `data[start:end]` (uint8)."""
    at = start
    if end - start >= 32:
        v1, v2, v3, v4 = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
        while at + 32 <= end:
            v1 = _round(v1, word(data, at))
            v2 = _round(v2, word(data, at + 8))
            v3 = _round(v3, word(data, at + 16))
            v4 = _round(v4, word(data, at + 24))
            at += 32
        h = _rotated(v1, np.uint64(1)) + _rotated(v2, np.uint64(7))
        h += _rotated(v3, np.uint64(12)) + _rotated(v4, np.uint64(18))
        h = _merged(_merged(_merged(_merged(h, v1), v2), v3), v4)
    else:
        h = seed + _P5
    h += np.uint64(end - start)
    while at + 8 <= end:
        h = _rotated(h ^ _round(np.uint64(0), word(data, at)), np.uint64(27)) * _P1 + _P4
        at += 8
    if at + 4 <= end:
        h = _rotated(h ^ (half(data, at) * _P1), np.uint64(23)) * _P2 + _P3
        at += 4
    while at < end:
        h = _rotated(h ^ (np.uint64(data[np.uint64(at)]) * _P5), np.uint64(11)) * _P1
        at += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return np.uint64(h ^ (h >> np.uint64(32)))


@compiled
def hashes(data: Array, starts: Array, ends: Array, seed: np.uint64) -> Array:
    """The hash of each slice `data[starts[i]:ends[i]]`: uint64."""
    found = np.empty(len(starts), np.uint64)
    for i in range(len(starts)):
        found[i] = xxh64(data, starts[i], ends[i], seed)
    return found
