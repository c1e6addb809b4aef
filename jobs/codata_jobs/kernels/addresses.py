"""Whether a chunk is an address by spaCy's rule: these stay whole, whatever stands in them."""

from __future__ import annotations

from typing import Final

from codata_jobs.kernels.compiled import Array, compiled, inlined

NO: Final = 0
YES: Final = 1
UNSURE: Final = -1

_LONGEST_LABEL: Final = 64
_LONGEST_TOP: Final = 63

_DOT, _COLON, _SLASH, _AT = 0x2E, 0x3A, 0x2F, 0x40


@inlined
def _digit(code: int) -> bool:
    return 48 <= code <= 57


@inlined
def _named(code: int) -> bool:
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122


@compiled
def address(codes: Array, low: int, high: int) -> int:
    """YES, NO, or UNSURE where four numbers, a user's name or characters beyond ASCII had to be judged.

    An address: perhaps a scheme and `://`; a host; perhaps a colon and two to five digits; perhaps one of
    `/`, `?` and `#` with anything behind it.
    """
    dots, users, scheme = 0, 0, -1
    for at in range(low, high):
        dots += codes[at] == _DOT
        users += codes[at] == _AT
        behind = codes[at + 1] == _SLASH and codes[at + 2] == _SLASH if at + 2 < high else False
        if scheme < 0 and codes[at] == _COLON and behind:
            scheme = at
    if dots == 0:
        return NO
    if users > 0:
        return UNSURE
    found = _from_host(codes, low, high)
    if scheme - low < 2 or found == YES:
        return found
    for at in range(low, scheme):
        code = codes[at]
        if code >= 0x80:
            return UNSURE
        if not (_named(code) or code in (0x2B, 0x2D, _DOT, 0x5F)):
            return found
    later = _from_host(codes, scheme + 3, high)
    return UNSURE if found == UNSURE and later == NO else later


@compiled
def _from_host(codes: Array, low: int, high: int) -> int:
    """The same for what begins with a host: names with dots between them, the last of two or more letters."""
    at, label, labels = low, low, 0
    lower = True  # the name so far has letters from a to z alone
    while at < high:
        code = codes[at]
        if code == _DOT:
            if not 0 < at - label <= _LONGEST_LABEL or not (_named(codes[label]) and _named(codes[at - 1])):
                return NO
            labels += 1
            label, lower = at + 1, True
        elif _named(code) or code in (0x2D, 0x5F):
            lower = lower and 97 <= code <= 122
        else:
            break
        at += 1
    if at < high and codes[at] >= 0x80:
        return UNSURE
    if labels == 3 and at > label and _digit(codes[label]):
        return UNSURE
    if labels == 0 or not lower or not 2 <= at - label <= _LONGEST_TOP:
        return NO
    return _ends(codes, at, high)


@compiled
def _ends(codes: Array, at: int, high: int) -> int:
    """The same for what stands behind a host."""
    if at < high and codes[at] == _COLON:
        digits = at + 1
        while digits < high and _digit(codes[digits]):
            digits += 1
        if digits < high and codes[digits] >= 0x80:
            return UNSURE
        if not 2 <= digits - at - 1 <= 5:
            return NO
        at = digits
    return YES if at == high or codes[at] in (0x23, _SLASH, 0x3F) else NO
