"""Where sentences begin, by spaCy's rule over tokens."""

from __future__ import annotations

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode

_SPACE = 32

OTHER = 0
MARK = 1
END = 2


@compiled
def _kind(data: Array, start: int, end: int, flags: Array, punctuation: int, ender: int) -> int:
    """END for a token that is one character which ends sentences, MARK for punctuation alone, else OTHER."""
    at = start
    while at < end:
        code, size = data[at], 1
        if code >= 0x80:
            code, size = decode(data, at, end)
        if at == start and at + size == end and flags[code] & ender:
            return END
        if flags[code] & punctuation == 0:
            return OTHER
        at += size
    return MARK


@compiled
def sentences(
    data: Array,
    rows: Array,
    starts: Array,
    ends: Array,
    offsets: Array,
    flags: Array,
    punctuation: int,
    ender: int,
    stops: Array,
    firsts: Array,
) -> int:
    """Split each row into sentences; return how many.

    A sentence ends before the first token that is neither punctuation nor an ender, once an ender was met.
    Tokens are the words (byte positions `starts` and `ends`, those of row i from `offsets[i]`) and the white
    space between them, if it is more than one U+0020. Writes where each sentence ends into `stops` (it begins
    where the one before ends; white space goes to either) and each row's first sentence into `firsts` (rows
    + 1); with empty `stops` it only counts. Each row has at least one.
    """
    found = 0
    write = len(stops) > 0
    for row in range(len(rows) - 1):
        firsts[row] = found
        before = rows[row]
        ended = False
        for word in range(offsets[row], offsets[row + 1] + 1):
            last = word == offsets[row + 1]
            begin = rows[row + 1] if last else starts[word]
            gap = begin - before
            blank = gap > 1 or (gap == 1 and data[before] != _SPACE)
            kind = OTHER if not last else END
            if not last and (data[begin] >= 0x80 or flags[data[begin]] & (punctuation | ender)):
                kind = _kind(data, begin, ends[word], flags, punctuation, ender)
            if ended and (blank or kind == OTHER):
                if write:
                    stops[found] = before
                found += 1
                ended = False
            if not last:
                ended = ended or kind == END
                before = ends[word]
        if write:
            stops[found] = rows[row + 1]
        found += 1
    firsts[len(rows) - 1] = found
    return found
