"""What Gopher's quality rules count."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.interning import find
from codata_jobs.kernels.lines import ends_line

_DOT = ord(".")
_HASH = ord("#")
_ELLIPSIS = ord("…")
_BULLET = ord("•")
_HYPHEN = ord("-")
_CR = 13
_LF = 10


@compiled
def count_words(
    data: Array, starts: Array, ends: Array, offsets: Array, flags: Array, symbol: int, letter: int
) -> Array:
    """Of each row's words, int64, rows by 3: those that are more than symbols, the characters of those, and
    the words with a letter.

    `flags` by code point: `symbol` and `letter` are bits in it.
    """
    found = np.zeros((len(offsets) - 1, 3), np.int64)
    for row in range(len(offsets) - 1):
        for word in range(offsets[row], offsets[row + 1]):
            at, end = starts[word], ends[word]
            characters, seen = 0, 0
            while at < end:
                code, size = data[at], 1
                if code >= 0x80:
                    code, size = decode(data, at, end)
                seen |= letter & flags[code] | symbol & ~flags[code]
                characters += 1
                at += size
                if seen == letter | symbol:
                    break
            while at < end:
                characters += data[at] & 0xC0 != 0x80
                at += 1
            if seen & symbol:
                found[row, 0] += 1
                found[row, 1] += characters
            if seen & letter:
                found[row, 2] += 1
    return found


@compiled
def count_listed(
    data: Array,
    starts: Array,
    ends: Array,
    offsets: Array,
    arena: Array,
    bounds: Array,
    slots: Array,
    seed: np.uint64,
) -> Array:
    """How many different words of a list (as `interning` keeps it) each row has: int64."""
    found = np.zeros(len(offsets) - 1, np.int64)
    listed = int(np.max(slots))
    shortest, longest = 1 << 62, 0
    for k in range(listed):
        shortest = min(shortest, bounds[k + 1] - bounds[k])
        longest = max(longest, bounds[k + 1] - bounds[k])
    last_row = np.full(listed, -1, np.int64)
    for row in range(len(offsets) - 1):
        for word in range(offsets[row], offsets[row + 1]):
            if shortest <= ends[word] - starts[word] <= longest:
                k, _ = find(data, starts[word], ends[word], arena, bounds, slots, seed)
                if k >= 0 and last_row[k] != row:
                    last_row[k] = row
                    found[row] += 1
    return found


@compiled
def count_marks(data: Array, rows: Array, flags: Array, space: int) -> Array:
    """Of each row's text, int64, rows by 5: hashes, ellipses, lines, lines that begin with a bullet, lines
    that end in an ellipsis.

    An ellipsis is `…` or three dots. Lines are those of `str.splitlines`; what `flags` calls `space` is not
    looked at on either end of one. `rows`: byte positions, one more than rows.
    """
    found = np.zeros((len(rows) - 1, 5), np.int64)
    for row in range(len(rows) - 1):
        at, end = rows[row], rows[row + 1]
        hashes, ellipses, lines, bullets, trailing = 0, 0, 0, 0, 0
        run, dots, last, empty, blank, before = 0, 0, 0, True, True, 0
        while at < end:
            code, size = data[at], 1
            if _DOT < code < 0x80:
                # Neither space, mark nor dot: most of what there is.
                run, dots, last, empty, blank, before = 0, 0, code, False, False, code
                at += 1
                continue
            if code >= 0x80:
                code, size = decode(data, at, end)
            at += size
            # Dots in a row, over line ends too: what `str.count` sees.
            run = run + 1 if code == _DOT else 0
            if run == 3 or code == _ELLIPSIS:
                ellipses += 1
                run = 0
            hashes += code == _HASH
            if ends_line(code):
                if code != _LF or before != _CR:
                    lines += 1
                    trailing += last == _ELLIPSIS or dots >= 3
                dots, last, empty, blank = 0, 0, True, True
            else:
                empty = False
                if flags[code] & space == 0:
                    if blank:
                        bullets += code in (_BULLET, _HYPHEN)
                        blank = False
                    dots = (dots + 1 if before == _DOT else 1) if code == _DOT else 0
                    last = code
            before = code
        if not empty:
            lines += 1
            trailing += last == _ELLIPSIS or dots >= 3
        found[row] = hashes, ellipses, lines, bullets, trailing
    return found
