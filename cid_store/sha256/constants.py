"""The constants of SHA-256, from their definition in FIPS 180-4 (sections 4.2.2 and 5.3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_MASK: Final = 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _fraction_bits(number: int, degree: int) -> int:
    """The first 32 bits of the fractional part of the root of that degree."""
    scaled = number << (32 * degree)
    low, high = 0, 1 << (scaled.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= scaled:
            low = middle
        else:
            high = middle - 1
    return low & _MASK


INITIAL: Final = tuple(_fraction_bits(prime, 2) for prime in _primes(8))
"""H(0): from the square roots of the first eight primes."""

ROUND: Final = tuple(_fraction_bits(prime, 3) for prime in _primes(64))
"""K: from the cube roots of the first 64 primes."""


def _rotate(word: int, bits: int) -> int:
    return (word >> bits | word << (32 - bits)) & _MASK


def _schedule(block: Sequence[int]) -> list[int]:
    """The 64 message words of a block of 16."""
    words = list(block)
    for t in range(16, 64):
        x, y = words[t - 15], words[t - 2]
        small0 = _rotate(x, 7) ^ _rotate(x, 18) ^ x >> 3
        small1 = _rotate(y, 17) ^ _rotate(y, 19) ^ y >> 10
        words.append((words[t - 16] + small0 + words[t - 7] + small1) & _MASK)
    return words


PADDING_64: Final = tuple(
    (word + constant) & _MASK
    for word, constant in zip(_schedule([1 << 31, *[0] * 14, 512]), ROUND, strict=True)
)
"""W + K of the block that pads every 64-byte message: the same for all of them, so a tree needs no
schedule for it."""
