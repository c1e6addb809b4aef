"""What each character is, as one table for the kernels: Unicode data of the running Python."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, Final

import numpy as np

SPACE: Final = 1  # str.isspace
LETTER: Final = 2  # str.isalpha: category L
WORD: Final = 4  # categories L, M, N and Pc
PUNCTUATION: Final = 8  # category P
DIGIT: Final = 16  # str.isdecimal: category Nd
SYMBOL: Final = 32  # what datatrove 0.10 counts as punctuation: a word of nothing else is no word
TERMINAL: Final = 64  # what datatrove 0.10 takes for the end of a line that is a sentence
SENTENCE_END: Final = 128  # what spaCy 3.8's sentencizer takes for the end of a sentence

_ASSIGNED: Final = (range(0x40000), range(0xE0000, 0xE1000))
"""Where characters of these kinds can be: all other planes are unassigned or for private use."""

_BY_CATEGORY: Final = {"L": LETTER | WORD, "M": WORD, "N": WORD, "P": PUNCTUATION}

_SENTENCE_ENDS: Final = (
    "21 2E 3F 589 61F 6D4 700-702 7F9 964-965 104A-104B 1362 1367-1368 166E 1735-1736 1803 1809 1944-1945 "
    "1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C 3002 A4FF A60E-A60F "
    "A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F "
    "FF61 10A56-10A57 11047-11048 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 "
    "1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11A42-11A43 11A9B-11A9C "
    "11C41-11C42 16A6E-16A6F 16AF5 16B37-16B38 16B44 1BC9F 1DA88"
)
_MORE_TERMINALS: Final = (
    "61D-61E 837 839 83D-83E 17D4-17D6 17D9-17DA 1B7D-1B7E 2E53-2E54 10F55-10F59 10F86-10F89 11944 11946 "
    "11EF7-11EF8 11F43-11F44 16E98"
)
_MORE_SYMBOLS: Final = (
    "0-8 B-1F 22-2D 2F 3A-3E 40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001 "
    "3008-300D 3010-3011 FF05 FF08-FF09 FF0C FF11 FF1A-FF1B FF5E"
)
"""The sets of those projects as ranges of code points; every terminal is a symbol."""


@cache
def table() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Flags by code point, for U+0000 to U+10FFFF; read only."""
    flags = np.zeros(0x110000, np.uint16)
    for part in _ASSIGNED:
        flags[part.start : part.stop] = [_flags(chr(code)) for code in part]
    for ranges, kinds in (
        (_SENTENCE_ENDS, SENTENCE_END | TERMINAL | SYMBOL),
        (_MORE_TERMINALS, TERMINAL | SYMBOL),
        (_MORE_SYMBOLS, SYMBOL),
    ):
        for written in ranges.split():
            first, _, last = written.partition("-")
            flags[int(first, 16) : int(last or first, 16) + 1] |= kinds
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
