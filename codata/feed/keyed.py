"""Keys and keyed permutations, in integers modulo 2**64: the arithmetic of `docs/spec/feed-order.md`.

Nothing here depends on a library's random stream, so that an order means the same for ever.
Source of the constants: the finaliser and increment of SplitMix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]

GOLDEN: Final = 0x9E3779B97F4A7C15
ROUNDS: Final = 6
MAX_SIZE: Final = 1 << 62
"""The largest domain: two more bits than this and a signed position overflows."""

_MASK: Final = (1 << 64) - 1
_A: Final = np.uint64(0xBF58476D1CE4E5B9)
_B: Final = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _1 = (np.uint64(n) for n in (30, 27, 31, 1))


def mix(z: U64) -> U64:
    """SplitMix64's finaliser, element by element: every bit of the input reaches every bit of the output."""
    z = (z ^ (z >> _30)) * _A
    z = (z ^ (z >> _27)) * _B
    return z ^ (z >> _31)


def derive(key: U64 | int, *words: U64 | int) -> U64:
    """Absorb `words` into `key` one after the other; integers and arrays broadcast. Each at most 64 bits.

    A word is mixed before it is added, so that (seed 0, epoch 1) and (seed 1, epoch 0) share nothing.
    """
    state = np.atleast_1d(np.asarray(key, dtype=np.uint64))
    for word in words:
        state = mix(state + mix(np.atleast_1d(np.asarray(word, dtype=np.uint64)) + np.uint64(GOLDEN)))
    return state


def permute(index: U64, size: U64, key: U64) -> U64:
    """Where the permutation of 0..size-1 under `key` sends `index`; three arrays of one shape, index < size.

    A Feistel network on the least power of two that holds `size`, repeated while the image lies outside. That
    domain is less than twice `size`: on average each turn ends more than half of the walks.
    """
    bits = bit_length(size - _1)
    low = bits >> _1
    image = _feistel(index, bits - low, low, key)
    outside = np.flatnonzero(image >= size)
    while outside.size:
        image[outside] = _feistel(image[outside], (bits - low)[outside], low[outside], key[outside])
        outside = outside[image[outside] >= size[outside]]
    return image


def _feistel(x: U64, high_bits: U64, low_bits: U64, key: U64) -> U64:
    high_mask = (_1 << high_bits) - _1
    low_mask = (_1 << low_bits) - _1
    high, low = x >> low_bits, x & low_mask
    for i in range(ROUNDS):
        round_key = key + np.uint64((i + 1) * GOLDEN & _MASK)
        if i % 2 == 0:
            high = high ^ (mix(low + round_key) & high_mask)
        else:
            low = low ^ (mix(high + round_key) & low_mask)
    return (high << low_bits) | low


def bit_length(values: U64) -> U64:
    """How many bits each value needs; 0 for 0. Values below 2**62."""
    # A double rounds long runs of ones up to the next power of two: clear every bit below another one first.
    coarse = values & ~(values >> _1)
    return np.frexp(coarse.astype(np.float64))[1].astype(np.uint64)
