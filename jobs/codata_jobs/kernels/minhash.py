"""MinHash: of each row, the least value of each of K hash functions over the row's n-gram hashes.

Function k sends h to ((h * a[k] + b[k]) mod 2^64) mod (2^61 - 1), as datatrove 0.10 computes it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.xxh64 import xxh64

PRIME: Final = (1 << 61) - 1

_PRIME: Final = np.int64(PRIME)
_LOW: Final = np.uint64(PRIME)
_BITS: Final = np.uint64(61)


@compiled
def minima(hashes: Array, offsets: Array, a: Array, b: Array) -> Array:
    """The signature of each row that has n-grams, K values (uint64) a row in the order of rows.

    Row i has `hashes[offsets[i]:offsets[i + 1]]` (uint64); a row without any has no signature and gives none.
    """
    count = len(a)
    some = 0
    for i in range(len(offsets) - 1):
        some += offsets[i + 1] > offsets[i]
    found = np.empty((some, count), np.uint64)
    least = np.empty(count, np.int64)
    at = 0
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        least[:] = _PRIME
        for j in range(offsets[i], offsets[i + 1]):
            h = hashes[j]
            for k in range(count):
                x = h * a[k] + b[k]
                # 2^61 is 1 modulo the prime; below 2^61 + 8 one subtraction is enough. Signed, since
                # processors compare signed vectors.
                r = np.int64((x & _LOW) + (x >> _BITS))
                r = r - _PRIME if r >= _PRIME else r
                least[k] = min(least[k], r)
        for k in range(count):
            found[at, k] = np.uint64(least[k])
        at += 1
    return found


@compiled
def band_keys(signatures: Array, rows: int) -> Array:
    """Two words (uint64) a band: XXH64 of the band's `rows` values, little-endian, with seeds 2k and 2k + 1
    for band k.

    Shape: signatures, bands, 2. 128 bits: the odds that two of 2^31 different bands meet are 2^-67.
    """
    n, count = signatures.shape
    bands = count // rows
    found = np.empty((n, bands, 2), np.uint64)
    scratch = np.empty(8 * rows, np.uint8)
    for i in range(n):
        for band in range(bands):
            for k in range(rows):
                value = signatures[i, band * rows + k]
                for byte in range(8):
                    scratch[8 * k + byte] = np.uint8((value >> np.uint64(8 * byte)) & np.uint64(255))
            found[i, band, 0] = xxh64(scratch, 0, 8 * rows, np.uint64(2 * band))
            found[i, band, 1] = xxh64(scratch, 0, 8 * rows, np.uint64(2 * band + 1))
    return found
