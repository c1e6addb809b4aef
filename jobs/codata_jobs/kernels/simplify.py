"""Texts reduced to words in lower case: the loop of `codata_jobs.simplify`, which has the rule and the
tables."""

from __future__ import annotations

from typing import Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode

KEEP: Final = 0
SPACE: Final = 1
DIGIT: Final = 2
MAPPED: Final = 3
SIGMA: Final = 4

CASED: Final = 1
IGNORABLE: Final = 2

CLASS_SHIFT: Final = 24
"""A mapped code point's combining class stands above its 21 bits."""

_SMALL_SIGMA: Final = 0x3C3
_FINAL_SIGMA: Final = 0x3C2
_SEPARATORS: Final = (0x2C, 0x2E, 0x60C, 0x66B, 0x2396, 0x2397, 0x2398)


@compiled
def put(out: Array, at: int, code: int) -> int:
    """Write a code point as UTF-8, and return where the next goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | code >> 6 & 0x3F
        out[at + 2] = 0x80 | code & 0x3F
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | code >> 12 & 0x3F
    out[at + 2] = 0x80 | code >> 6 & 0x3F
    out[at + 3] = 0x80 | code & 0x3F
    return at + 4


@compiled
def after_number(data: Array, at: int, end: int, kind: Array) -> int:
    """Where a number ends whose first digit ends at `at`: digits, then once a separator with digits."""
    separated = False
    while at < end:
        code, size = decode(data, at, end)
        if kind[code] != DIGIT:
            separates = False
            for separator in _SEPARATORS:
                separates |= code == separator
            if separated or not separates or at + size >= end:
                break
            code, more = decode(data, at + size, end)
            if kind[code] != DIGIT:
                break
            separated = True
            size += more
        at += size
    return at


@compiled
def is_final(data: Array, start: int, at: int, end: int, context: Array) -> bool:
    """Whether the capital sigma at `at` ends a word.

    So it does with a cased letter before it and none after it, looking through what is case-ignorable
    (Unicode, table 3-17, Final_Sigma).
    """
    before, cased = at, False
    while before > start:
        before -= 1
        if data[before] & 0xC0 == 0x80:
            continue
        found = context[decode(data, before, at)[0]]
        if found != IGNORABLE:
            cased = found == CASED
            break
    if not cased:
        return False
    after = at + decode(data, at, end)[1]
    while after < end:
        code, size = decode(data, after, end)
        if context[code] != IGNORABLE:
            return bool(context[code] != CASED)
        after += size
    return True


@compiled
def put_mapped(out: Array, at: int, mapped: Array, first: int, last: int) -> tuple[int, int, bool]:
    """Write the code points that stand at `first` of `mapped`, after their number.

    Returns where the next goes, the combining class of what was written last (before: `last`), and whether
    marks would have to change places.
    """
    unordered = False
    for k in range(first + 1, first + 1 + mapped[first]):
        combining = mapped[k] >> CLASS_SHIFT
        unordered |= combining != 0 and combining < last
        last = combining
        at = put(out, at, mapped[k] & 0x1FFFFF)
    return at, last, unordered


@compiled
def simplify_row(
    data: Array,
    start: int,
    end: int,
    letters: Array,
    kind: Array,
    first: Array,
    mapped: Array,
    context: Array,
    out: Array,
    begin: int,
) -> tuple[int, bool]:
    """Write one text from `begin`; where the next begins, and whether this one is not certain."""
    at, o = start, begin
    space = started = uncertain = False
    last = 0  # combining class of what was written last, as far as marks stand beside each other
    while at < end:
        here = at
        code, size = int(data[here]), 1
        if code >= 0x80:
            code, size = decode(data, here, end)
        at += size
        what = kind[code]
        if what == SPACE:
            space = started
            last = 0
            continue
        started = True
        if space and o > begin:
            out[o] = 32
            o += 1
        space = False
        if code < 0x80 and letters[code]:
            out[o] = letters[code]
            o += 1
            while at < end and data[at] < 0x80 and letters[data[at]]:
                out[o] = letters[data[at]]
                o += 1
                at += 1
            last = 0
            continue
        if what == MAPPED:
            o, last, unordered = put_mapped(out, o, mapped, first[code], last)
            uncertain |= unordered
            continue
        last = 0
        if what == DIGIT:
            code = 0x30
            at = after_number(data, at, end, kind)
        elif what == SIGMA:
            code = _FINAL_SIGMA if is_final(data, start, here, end, context) else _SMALL_SIGMA
        o = put(out, o, code)
    while o > begin and out[o - 1] == 32:
        o -= 1
    return o, uncertain


@compiled
def simplify(
    data: Array,
    offsets: Array,
    letters: Array,
    kind: Array,
    first: Array,
    mapped: Array,
    context: Array,
    out: Array,
) -> tuple[Array, Array]:
    """Write the simplified rows to `out`; their offsets (rows + 1), and 1 for each row that is not certain.

    `letters`: what becomes of those ASCII characters that stay or change case, else 0. `kind` and `first` (by
    code point): what becomes of any, and where in `mapped` the code points that replace it stand, after
    their number. `context`: cased and case-ignorable code points. `out` holds three bytes for each byte that
    is not ASCII, and one for each that is. A row is not certain where marks would have to be put in order.
    """
    rows = len(offsets) - 1
    where = np.zeros(rows + 1, np.int64)
    uncertain = np.zeros(rows, np.uint8)
    for row in range(rows):
        where[row + 1], uncertain[row] = simplify_row(
            data, offsets[row], offsets[row + 1], letters, kind, first, mapped, context, out, where[row]
        )
    return where, uncertain
