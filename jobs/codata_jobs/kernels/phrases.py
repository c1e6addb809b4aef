"""Phrases that a text holds, in whatever case."""

from __future__ import annotations

from codata_jobs.kernels.compiled import Array, compiled

_KELVIN = (
    0xE2,
    0x84,
    0xAA,
)  # U+212A: beyond ASCII the only character that becomes an ASCII letter in lower case


@compiled
def phrases_in(
    data: Array, start: int, end: int, phrases: Array, bounds: Array, kinds: Array, heads: Array
) -> int:
    """The kinds of the phrases that the lower case of `data[start:end]` holds, as bits.

    Phrase k is `phrases[bounds[k]:bounds[k + 1]]`, of ASCII in lower case, and none begins with a k. `heads`,
    256 by 2: the phrases whose first, and second, byte a byte may be, as bits.
    """
    found = 0
    for at in range(start, end):
        head = heads[data[at], 0]
        if at + 1 < end:
            head &= heads[data[at + 1], 1]
        if head == 0:
            continue
        for k in range(len(kinds)):
            if head >> k & 1 == 0:
                continue
            here = at + 1
            j = bounds[k] + 1
            while j < bounds[k + 1] and here < end:
                byte = data[here]
                if byte == _KELVIN[0] and here + 2 < end:
                    if data[here + 1] == _KELVIN[1] and data[here + 2] == _KELVIN[2]:
                        byte = ord("k")
                        here += 2
                elif 65 <= byte <= 90:
                    byte += 32
                if byte != phrases[j]:
                    break
                j += 1
                here += 1
            if j == bounds[k + 1]:
                found |= kinds[k]
    return found
