"""SHA-256 rounds with ordinary vectors: one message per lane, for any CPU that LLVM knows.

Source: FIPS 180-4, section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cid_store.sha256 import constants as c
from cid_store.sha256.llvm import I32, Builder, Module, Value, constants, intrinsic, vector


@dataclass(frozen=True, slots=True)
class Lanes:
    """Vectors of `count` 32-bit words, and the funnel shift that rotates them."""

    count: int
    funnel: Value

    @classmethod
    def declare(cls, module: Module, count: int) -> Lanes:
        """Declare what is needed in `module`."""
        words = vector(I32, count)
        return cls(count, intrinsic(module, f"llvm.fshr.v{count}i32", words, words, words, words))

    def all(self, word: int) -> Value:
        """The same constant in every lane."""
        return constants(I32, [word] * self.count)

    def rotate(self, b: Builder, x: Value, bits: int) -> Value:
        """Each lane rotated to the right."""
        return b.call(self.funnel, [x, x, self.all(bits)])


def initial(lanes: Lanes) -> list[Value]:
    """H(0) in every lane."""
    return [lanes.all(word) for word in c.INITIAL]


def _xor3(b: Builder, x: Value, y: Value, z: Value) -> Value:
    return b.xor(b.xor(x, y), z)


def _big_sigma(b: Builder, lanes: Lanes, x: Value, bits: tuple[int, int, int]) -> Value:
    return _xor3(b, *(lanes.rotate(b, x, n) for n in bits))


def _small_sigma(b: Builder, lanes: Lanes, x: Value, rotations: tuple[int, int], shift: int) -> Value:
    first, second = (lanes.rotate(b, x, n) for n in rotations)
    return _xor3(b, first, second, b.lshr(x, lanes.all(shift)))


def _round(b: Builder, lanes: Lanes, state: Sequence[Value], sum_: Value) -> list[Value]:
    """One round, given W + K."""
    a, bb, cc, d, e, f, g, h = state
    choose = b.xor(g, b.and_(e, b.xor(f, g)))
    majority = b.or_(b.and_(a, bb), b.and_(cc, b.or_(a, bb)))
    first = b.add(b.add(h, _big_sigma(b, lanes, e, (6, 11, 25))), b.add(choose, sum_))
    second = b.add(_big_sigma(b, lanes, a, (2, 13, 22)), majority)
    return [b.add(first, second), a, bb, cc, b.add(d, first), e, f, g]


def _next_word(b: Builder, lanes: Lanes, words: Sequence[Value], t: int) -> Value:
    """W[t] from the last sixteen words, kept in a ring."""
    small0 = _small_sigma(b, lanes, words[(t - 15) % 16], (7, 18), 3)
    small1 = _small_sigma(b, lanes, words[(t - 2) % 16], (17, 19), 10)
    return b.add(b.add(words[t % 16], small0), b.add(words[(t - 7) % 16], small1))


def _feed_forward(b: Builder, left: Sequence[Value], right: Sequence[Value]) -> list[Value]:
    return [b.add(x, y) for x, y in zip(left, right, strict=True)]


def compress(b: Builder, lanes: Lanes, state: Sequence[Value], block: Sequence[Value]) -> list[Value]:
    """One block of 16 words in every lane."""
    words, current = list(block), list(state)
    for t in range(64):
        if t >= 16:
            words[t % 16] = _next_word(b, lanes, words, t)
        current = _round(b, lanes, current, b.add(words[t % 16], lanes.all(c.ROUND[t])))
    return _feed_forward(b, current, state)


def compress_padding(b: Builder, lanes: Lanes, state: Sequence[Value]) -> list[Value]:
    """The padding block of 64-byte messages."""
    current = list(state)
    for sum_ in c.PADDING_64:
        current = _round(b, lanes, current, lanes.all(sum_))
    return _feed_forward(b, current, state)
