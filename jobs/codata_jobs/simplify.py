"""Texts reduced to what near-duplicates share: datatrove's normalization before it compares texts.

Rule, in this order: lower case (Unicode's full mapping, with the final sigma); each number (digits of any
script, and once a full stop, comma or one of U+060C, U+066B, U+2396, U+2397, U+2398 with digits after it)
becomes `0`; punctuation becomes a space; white space is taken from both ends, and runs of it become one
space; normalization form D without non-spacing marks (general category Mn); spaces at the ends go.
Source: datatrove 0.10, `utils/text.py`, `simplify_text` with its default configuration.
The Unicode data are Python's, whose version is the engine `unicode`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import chain
from string import ascii_letters, punctuation
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Besides ASCII's: signs of several scripts, written as code points since many look alike.
_SIGNS: Final = (
    *(0x00AB, 0x00B4, 0x00BB, 0x2013, 0x2014, 0x2019, 0x201C, 0x201D, 0x201E, 0x2026, 0x2236, 0x2501, 0x25BA),
    *(0x3001, 0x3002, 0x3008, 0x3009, 0x300A, 0x300B, 0x300C, 0x300D, 0x3010, 0x3011),
    *(0xFF01, 0xFF05, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF11, 0xFF1A, 0xFF1B, 0xFF1F, 0xFF5E),
)
_CONTROLS: Final = (*range(9), 11, 12, *range(13, 32), *range(127, 160))

PUNCTUATION: Final = frozenset(punctuation) | frozenset(map(chr, (*_SIGNS, *_CONTROLS)))
"""Characters that become spaces."""

_TO_SPACE: Final = {ord(c): " " for c in PUNCTUATION}
_NUMBER: Final = re.compile(r"\d+(?:[.,\u060c\u066b\u2396\u2397\u2398]\d+)?")
_WHITE: Final = re.compile(r"\s+")

_CODE_POINTS: Final = 0x110000
_TABLED: Final = (
    range(0x3400),
    range(0xA000, 0xD800),
    range(0xF900, 0x20000),
    range(0x2F800, 0x2FA20),
    range(0xE0000, 0xE0200),
)
"""Between these lie ideographs, surrogates, private and unassigned code points: all stay as they are."""

MAX_GROWTH: Final = 3
"""Bytes that one byte of a character outside ASCII becomes at most: a Hangul syllable becomes three jamo."""


def simplified(text: str) -> str:
    """One text by the rule: the specification of `simplify`, which does the same to a column."""
    text = _NUMBER.sub("0", text.lower()).translate(_TO_SPACE)
    text = _WHITE.sub(" ", text.strip())
    return _bare(text).strip()


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


@dataclass(frozen=True)
class Tables:
    """By code point: `letters` (of ASCII alone), `kind`, `first` (into `mapped`) and `context`.

    `mapped`: the number of code points, then each with its combining class above it.
    """

    letters: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    first: NDArray[np.int64]
    mapped: NDArray[np.int64]
    context: NDArray[np.uint8]


@cache
def tables() -> Tables:
    """The tables of this Python's Unicode data; some 0.1 s, once a process."""
    from codata_jobs.kernels import simplify as k

    kind = np.zeros(_CODE_POINTS, np.uint8)
    first = np.zeros(_CODE_POINTS, np.int64)
    context = np.zeros(_CODE_POINTS, np.uint8)
    mapped: list[int] = []
    for code in chain(*_TABLED):
        c = chr(code)
        # A letter before sigma makes it final if it is cased; one that is looked through leaves that to "a".
        if (c + "Σ").lower()[-1] == "ς":
            context[code] = k.CASED
        elif ("a" + c + "Σ").lower()[-1] == "ς":
            context[code] = k.IGNORABLE
        if c.isdecimal():
            kind[code] = k.DIGIT
        elif c in PUNCTUATION or c.isspace():
            kind[code] = k.SPACE
        elif c == "Σ":
            kind[code] = k.SIGMA
        else:
            low = _bare(c.lower())
            if low != c or unicodedata.combining(c):
                kind[code], first[code] = k.MAPPED, len(mapped)
                mapped += [len(low), *(ord(x) | unicodedata.combining(x) << k.CLASS_SHIFT for x in low)]
    letters = np.zeros(128, np.uint8)
    for code in map(ord, ascii_letters):
        letters[code] = ord(chr(code).lower())
    return Tables(letters, kind, first, np.array(mapped, np.int64), context)


def simplify(texts: Any) -> Any:
    """Each text of a large_string array without nulls by the rule, as a large_string array.

    Memory: the result, and up to three times its input while it is made.
    """
    from codata_jobs.kernels import simplify as k

    t = tables()
    rows = len(texts)
    offsets = np.frombuffer(texts.buffers()[1], np.int64, rows + 1, texts.offset * 8)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    used = data[offsets[0] : offsets[-1]]
    size = len(used) + (MAX_GROWTH - 1) * int(np.count_nonzero(used & 0x80))
    out = np.empty(size, np.uint8)
    where, uncertain = k.simplify(data, offsets, t.letters, t.kind, t.first, t.mapped, t.context, out)
    made = pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(where.data), pa.py_buffer(out[: where[-1]].data)
    )
    if uncertain.any():
        mended = [simplified(texts[i].as_py()) if u else None for i, u in enumerate(uncertain.tolist())]
        return pc.if_else(pa.array(uncertain.astype(np.bool_)), pa.array(mended, pa.large_string()), made)
    return made
