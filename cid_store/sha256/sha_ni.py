"""SHA-256 rounds with the SHA instructions of x86, several messages interleaved.

One message leaves the unit idle while each instruction waits for the one before; four independent ones hide
that. Every function here takes and returns one element per message.

Source: Intel SDM volume 2 (SHA256RNDS2, SHA256MSG1, SHA256MSG2) and FIPS 180-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cid_store.sha256 import constants as c
from cid_store.sha256.llvm import (
    I8,
    I32,
    Builder,
    Module,
    Value,
    constants,
    intrinsic,
    load,
    offset,
    shuffle,
    vector,
)

WORDS: Final = vector(I32, 4)
_BYTES: Final = vector(I8, 16)
_SWAP: Final = [4 * (i // 4) + 3 - i % 4 for i in range(16)]

State = tuple[Value, Value]
"""The registers as the instructions want them, lowest lane first: (F E B A, H G D C)."""

ORDER: Final = (5, 4, 1, 0, 7, 6, 3, 2)
"""Which of A..H stands at each of a state's eight words in memory."""

INITIAL: Final[State] = (
    constants(I32, [c.INITIAL[i] for i in ORDER[:4]]),
    constants(I32, [c.INITIAL[i] for i in ORDER[4:]]),
)


@dataclass(frozen=True, slots=True)
class Instructions:
    """The three instructions, declared in one module."""

    rounds: Value
    schedule1: Value
    schedule2: Value

    @classmethod
    def declare(cls, module: Module) -> Instructions:
        """Declare them in `module`."""
        return cls(
            intrinsic(module, "llvm.x86.sha256rnds2", WORDS, WORDS, WORDS, WORDS),
            intrinsic(module, "llvm.x86.sha256msg1", WORDS, WORDS, WORDS),
            intrinsic(module, "llvm.x86.sha256msg2", WORDS, WORDS, WORDS),
        )


def swap_words(b: Builder, words: Value) -> Value:
    """Reverse the bytes within each 32-bit word: SHA-256 is big-endian."""
    data = b.bitcast(words, _BYTES)
    return b.bitcast(shuffle(b, data, data, _SWAP), WORDS)


def load_block(b: Builder, pointer: Value) -> list[Value]:
    """The 16 message words of the 64 bytes at `pointer`, in four vectors."""
    return [swap_words(b, load(b, offset(b, pointer, 16 * i), WORDS)) for i in range(4)]


def digest_words(b: Builder, state: State) -> tuple[Value, Value]:
    """The digest's bytes as (A B C D, E F G H)."""
    low, high = state
    return (
        swap_words(b, shuffle(b, low, high, [3, 2, 7, 6])),
        swap_words(b, shuffle(b, low, high, [1, 0, 5, 4])),
    )


def _four_rounds(b: Builder, ni: Instructions, states: list[State], sums: Sequence[Value]) -> list[State]:
    """Four rounds, given the four words W + K of each message."""
    halfway = [b.call(ni.rounds, [s[1], s[0], w]) for s, w in zip(states, sums, strict=True)]
    upper = [shuffle(b, w, w, [2, 3, 2, 3]) for w in sums]
    full = [b.call(ni.rounds, [s[0], h, w]) for s, h, w in zip(states, halfway, upper, strict=True)]
    return list(zip(full, halfway, strict=True))


def _next_words(b: Builder, ni: Instructions, words: list[Value], at: int) -> Value:
    """The four message words that follow those held, of which `words[at]` are the oldest."""
    w0, w1, w2, w3 = (words[(at + i) % 4] for i in range(4))
    partial = b.add(b.call(ni.schedule1, [w0, w1]), shuffle(b, w2, w3, [1, 2, 3, 4]))
    return b.call(ni.schedule2, [partial, w3])


def _add_states(b: Builder, left: Sequence[State], right: Sequence[State]) -> list[State]:
    return [(b.add(x[0], y[0]), b.add(x[1], y[1])) for x, y in zip(left, right, strict=True)]


def compress(
    b: Builder, ni: Instructions, states: Sequence[State], blocks: Sequence[Sequence[Value]]
) -> list[State]:
    """One block of each message."""
    words = [list(block) for block in blocks]
    current = list(states)
    for group in range(16):
        key = constants(I32, c.ROUND[4 * group : 4 * group + 4])
        current = _four_rounds(b, ni, current, [b.add(w[group % 4], key) for w in words])
        if group < 12:
            for w in words:
                w[group % 4] = _next_words(b, ni, w, group)
    return _add_states(b, current, states)


def compress_padding(b: Builder, ni: Instructions, states: Sequence[State]) -> list[State]:
    """The padding block of 64-byte messages."""
    current = list(states)
    for group in range(16):
        key = constants(I32, c.PADDING_64[4 * group : 4 * group + 4])
        current = _four_rounds(b, ni, current, [key] * len(current))
    return _add_states(b, current, states)
