"""spaCy's English rules for prefixes, suffixes and infixes, at one place of a chunk.

The rules are regular expressions; `codata_jobs.text.affixes` says which, and makes the tables. Chunks come as
code points (`codes`, int32) with what each is to the rules (`kinds`). What a rule says of characters beyond
ASCII that stand behind a digit is left to spaCy.
"""

from __future__ import annotations

from typing import Final

from codata_jobs.kernels.compiled import Array, compiled, inlined

PREFIX: Final = 1  # is taken off the front
SUFFIX: Final = 2  # is taken off the end
INFIX: Final = 4  # parts what is on its sides
LOWER: Final = 8
UPPER: Final = 16
ALPHA: Final = 32
QUOTE: Final = 64
DOTTED: Final = 128  # a full stop behind it is taken off the end
ACTIVE: Final = 256  # a rule may begin here: a chunk without one is a word

LONGEST_MEASURE: Final = 5
"""No unit of measure or currency has more characters."""

NOTHING: Final = -1
"""What stands behind a shorter one: no code point, as 0 is."""

UNSURE: Final = -1
"""Instead of a length: ask spaCy."""

_PLUS, _COMMA, _HYPHEN, _DOT, _DOLLAR = 0x2B, 0x2C, 0x2D, 0x2E, 0x24
_APOSTROPHE, _DEGREE, _EN_DASH, _EM_DASH, _CLOSING, _ELLIPSIS = 0x27, 0xB0, 0x2013, 0x2014, 0x2019, 0x2026
_SIGNS = 0x2A, 0x2B, 0x2D, 0x5E  # * + - ^
_JOINTS = 0x2F, 0x3A, 0x3C, 0x3D, 0x3E  # / : < = >


@inlined
def _digit(code: int) -> bool:
    return 48 <= code <= 57


@compiled
def prefix(codes: Array, kinds: Array, low: int, high: int) -> int:
    """How many characters a rule takes off the front of `low` to `high`."""
    if kinds[low] & PREFIX:
        return 1
    code = codes[low]
    following = codes[low + 1] if low + 1 < high else 0
    if code == _PLUS:
        return 0 if _digit(following) else 1
    if code == _DOT:
        end = low
        while end < high and codes[end] == _DOT:
            end += 1
        return end - low if end - low > 1 else 0
    if following == _DOLLAR and code in (0x41, 0x43):
        return 2
    if code == 0x55 and following == 0x53 and low + 2 < high and codes[low + 2] == _DOLLAR:
        return 3
    return 0


@compiled
def suffix(codes: Array, kinds: Array, low: int, high: int, measures: Array) -> int:
    """How many characters a rule takes off the end of `low` to `high`, the most that any does; or `UNSURE`.

    `measures`: units of measure and currencies, rows of `LONGEST_MEASURE` codes, `NOTHING` behind them.
    """
    if low == high:
        return 0
    last = codes[high - 1]
    before = codes[high - 2] if high - 2 >= low else 0
    if last == _ELLIPSIS:
        return 2 if before == _ELLIPSIS else 1
    if kinds[high - 1] & SUFFIX:
        return 1
    if last == _PLUS:
        return 1 if _digit(before) else 0
    if last == _DOT:
        return _full_stop(codes, kinds, low, high)
    if last in (0x53, 0x73) and before in (_APOSTROPHE, _CLOSING):
        return 2
    return _measure(codes, low, high, measures)


@compiled
def _full_stop(codes: Array, kinds: Array, low: int, high: int) -> int:
    start = high
    while start > low and codes[start - 1] == _DOT:
        start -= 1
    if high - start > 1:
        return high - start
    if start == low:
        return 0
    if kinds[start - 1] & DOTTED:
        return 1
    if start - 2 >= low:
        if codes[start - 2] == _DEGREE:
            return UNSURE
        if kinds[start - 1] & UPPER and kinds[start - 2] & UPPER:
            return 1
    return 0


@compiled
def _measure(codes: Array, low: int, high: int, measures: Array) -> int:
    """The unit of measure at the end, right behind a digit."""
    size, foreign = 0, False
    # Those beyond ASCII may be longer than the ones that are known here.
    while size <= 2 * LONGEST_MEASURE and high - size > low and not _digit(codes[high - size - 1]):
        foreign = foreign or codes[high - size - 1] >= 0x80
        size += 1
    if size == 0 or size > 2 * LONGEST_MEASURE or high - size == low:
        return 0
    if foreign:
        return UNSURE
    for row in range(len(measures) if size <= LONGEST_MEASURE else 0):
        same = size == LONGEST_MEASURE or measures[row, size] == NOTHING
        for k in range(size):
            same = same and measures[row, k] == codes[high - size + k]
        if same:
            return size
    return 0


@compiled
def infix(codes: Array, kinds: Array, low: int, at: int, high: int) -> int:
    """How many characters the infix has that begins at `at`, in `low` to `high`."""
    if kinds[at] & INFIX:
        return 1
    code, after = codes[at], at + 1
    if code == _DOT and after < high and codes[after] == _DOT:
        while after < high and codes[after] == _DOT:
            after += 1
        return after - at
    if at == low or after == high:
        return 0
    before, following = kinds[at - 1], kinds[after]
    if code == _DOT:
        return 1 if before & (LOWER | QUOTE) and following & (UPPER | QUOTE) else 0
    if code == _COMMA:
        return 1 if before & ALPHA and following & ALPHA else 0
    digit = _digit(codes[at - 1])
    counted = _digit(codes[after]) or codes[after] == _HYPHEN
    if digit and counted and code in _SIGNS:
        return 1
    if not (digit or before & ALPHA):
        return 0
    if code in _JOINTS:
        return 1 if following & ALPHA else 0
    return _dashes(codes, kinds, at, high)


@compiled
def _dashes(codes: Array, kinds: Array, at: int, high: int) -> int:
    """One of the same dashes or some, with a letter behind them."""
    code = codes[at]
    most = 0
    if code == _HYPHEN:
        most = 3
    elif code == _EM_DASH:
        most = 2
    elif code in (_EN_DASH, 0x7E):
        most = 1
    size = 1
    while size <= most and at + size < high:
        if kinds[at + size] & ALPHA:
            return size
        if codes[at + size] != code:
            break
        size += 1
    return 0
