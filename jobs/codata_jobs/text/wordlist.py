"""A list of words that kernels look words up in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codata_jobs.kernels import interning
from codata_jobs.kernels.compiled import Array


@dataclass(frozen=True)
class WordList:
    """`tables`: bytes of the words, where each begins, slots and seed, as `kernels.interning` wants them."""

    tables: tuple[Array, Array, Array, np.uint64]

    @classmethod
    def of(cls, words: Sequence[str]) -> WordList:
        """The different words of a list."""
        written = [word.encode() for word in dict.fromkeys(words)]
        bounds = np.cumsum([0, *map(len, written)], dtype=np.int64)
        arena = np.frombuffer(b"".join(written) or bytes(1), np.uint8)
        slots = np.zeros(4 << len(written).bit_length(), np.int32)
        seed = np.uint64(secrets.randbits(64))
        interning.rebuild(len(written), arena, bounds, slots, seed)
        return cls((arena, bounds, slots, seed))
