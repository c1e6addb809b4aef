"""What each character is, as one table for the kernels: Unicode data of the running Python."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import numpy as np

SPACE: Final = 1  # str.isspace
LETTER: Final = 2  # str.isalpha: category L
WORD: Final = 4  # categories L, M, N and Pc
PUNCTUATION: Final = 8  # category P
DIGIT: Final = 16  # str.isdecimal: category Nd

_ASSIGNED: Final = (range(0x40000), range(0xE0000, 0xE1000))
"""Where characters of these kinds can be: all other planes are unassigned or for private use."""

_BY_CATEGORY: Final = {"L": LETTER | WORD, "M": WORD, "N": WORD, "P": PUNCTUATION}


@cache
def table() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Flags by code point, for U+0000 to U+10FFFF; read only."""
    flags = np.zeros(0x110000, np.uint16)
    for part in _ASSIGNED:
        flags[part.start : part.stop] = [_flags(chr(code)) for code in part]
    flags.flags.writeable = False
    return flags


def _flags(character: str) -> int:
    category = unicodedata.category(character)
    found = _BY_CATEGORY.get(category[0], 0)
    if category == "Pc":
        found |= WORD
    elif category == "Nd":
        found |= DIGIT
    return found | SPACE if character.isspace() else found


def members(characters: Iterable[str]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A table of code points with 1 for each of these characters."""
    found = np.zeros(0x110000, np.uint8)
    found[[ord(c) for c in characters]] = 1
    found.flags.writeable = False
    return found
