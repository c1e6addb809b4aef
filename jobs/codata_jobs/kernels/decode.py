"""Reading UTF-8 a character at a time."""

from __future__ import annotations

from codata_jobs.kernels.compiled import Array, inlined


@inlined
def decode(data: Array, at: int, end: int) -> tuple[int, int]:
    """The code point at byte `at`, and its length in bytes.

    Never reads at `end` or beyond and never gives more than U+10FFFF, whatever the bytes are: what is cut off
    counts as U+FFFD. A loop over text asks only where a byte is 0x80 or more: ASCII is its own code, and most
    of what there is.
    """
    first = data[at]
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        if at + 1 < end:
            return (first & 0x1F) << 6 | (data[at + 1] & 0x3F), 2
    elif first < 0xF0:
        if at + 2 < end:
            return (first & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | (data[at + 2] & 0x3F), 3
    elif at + 3 < end:
        code = (
            (first & 0x07) << 18
            | (data[at + 1] & 0x3F) << 12
            | (data[at + 2] & 0x3F) << 6
            | (data[at + 3] & 0x3F)
        )
        return (code if code <= 0x10FFFF else 0xFFFD), 4
    return 0xFFFD, 1
