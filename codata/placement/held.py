"""Who holds what, a bit for each pair of input and place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_CHUNK: Final = 1 << 10  # inputs turned at once: 1 MiB for a thousand places, which a core's cache holds


class HeldBits:
    """A table of bits, inputs by places: the bits of one input's places lie together.

    Placement asks input by input; providers answer place by place.
    """

    def __init__(self, inputs: int, places: int) -> None:
        self.inputs, self.places = inputs, places
        self.bits: Array = np.zeros((inputs, -(-places // 8)), np.uint8)

    @classmethod
    def turned(cls, answers: Sequence[Array], inputs: int) -> HeldBits:
        """From each place's answer: `inputs` bits as `/have` gives them, the first the highest of a byte."""
        table = cls(inputs, len(answers))
        for start in range(0, inputs, _CHUNK):
            stop = min(start + _CHUNK, inputs)
            packed = np.stack([answer[start // 8 : -(-stop // 8)] for answer in answers]) if answers else None
            if packed is not None:
                flags = np.unpackbits(packed, axis=1)[:, : stop - start]
                table.bits[start:stop] = np.packbits(flags.T, axis=1)
        return table

    def rows(self, inputs: Array) -> Array:
        """Flags (uint8) of these inputs by all places."""
        flags: Array = np.unpackbits(self.bits[inputs], axis=1, count=self.places)
        return flags

    def has(self, inputs: Array, places: Array) -> Array:
        """Whether each input is held at the place beside it."""
        found: Array = (self.bits[inputs, places >> 3] >> (7 - (places & 7)).astype(np.uint8)) & 1
        return found.astype(np.bool_)

    def add(self, inputs: Array, place: int) -> None:
        """From now on these inputs are held at `place`."""
        self.bits[inputs, place >> 3] |= np.uint8(0x80 >> (place & 7))

    def copy(self) -> HeldBits:
        """The same, to be changed."""
        fresh = HeldBits(0, self.places)
        fresh.inputs, fresh.bits = self.inputs, self.bits.copy()
        return fresh
