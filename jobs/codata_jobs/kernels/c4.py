"""C4's rules about lines."""

from __future__ import annotations

from codata_jobs.kernels.compiled import Array, compiled
from codata_jobs.kernels.decode import decode
from codata_jobs.kernels.lines import ends_line
from codata_jobs.kernels.phrases import phrases_in
from codata_jobs.kernels.repeats import stripped

LOREM_IPSUM = 1
JAVASCRIPT = 2
CURLY = 4
POLICY = 8

_OPEN = ord("[")
_CLOSE = ord("]")
_DOT = ord(".")


@compiled
def most_lines(data: Array, rows: int) -> int:
    """A bound on the lines of `data`, also where it is no UTF-8: room that is not used costs nothing."""
    found = rows
    for byte in data:
        found += byte < 0x20 or byte >= 0x80
    return found


@compiled
def split_lines(data: Array, rows: Array, stops: Array, firsts: Array) -> int:
    """Where each line of `str.splitlines` ends, its break aside; return how many there are.

    Writes the ends into `stops`, which has room for `most_lines` (a line begins where the one before ends:
    breaks are white space), and each row's first line into `firsts` (rows + 1).
    """
    found = 0
    for row in range(len(rows) - 1):
        firsts[row] = found
        at, end = rows[row], rows[row + 1]
        open_, before = False, 0
        while at < end:
            code, size = data[at], 1
            if code >= 0x80:
                code, size = decode(data, at, end)
            if 0x20 <= code < 0x80 or not ends_line(code):
                open_ = True
            elif code != 10 or before != 13:
                stops[found] = at
                found += 1
                open_ = False
            before = code
            at += size
        if open_:
            stops[found] = end
            found += 1
    firsts[len(rows) - 1] = found
    return found


@compiled
def _split(data: Array, start: int, end: int, flags: Array, space: int) -> tuple[int, int]:
    """How many words of `str.split` there are, and the characters of the longest."""
    words, longest, characters, at = 0, 0, 0, start
    while at < end:
        code, size = data[at], 1
        if code >= 0x80:
            code, size = decode(data, at, end)
        if (code <= 0x20 or code >= 0x80) and flags[code] & space:
            characters = 0
        else:
            words += characters == 0
            characters += 1
            longest = max(longest, characters)
        at += size
    return words, longest


@compiled
def _citation(data: Array, at: int, end: int, flags: Array, digit: int, named: Array, bounds: Array) -> int:
    """Where the citation at `at` ends, or `at` if there is none: `[`, digits and `]`, or one of `named`."""
    here = at + 1
    while here < end:
        code, size = data[here], 1
        if code >= 0x80:
            code, size = decode(data, here, end)
        if flags[code] & digit == 0:
            break
        here += size
    if here < end and data[here] == _CLOSE:
        return here + 1
    for k in range(len(bounds) - 1):
        stop: int = at + bounds[k + 1] - bounds[k]
        if stop <= end:
            same = True
            for i in range(stop - at):
                if data[at + i] != named[bounds[k] + i]:
                    same = False
                    break
            if same:
                return stop
    return at


@compiled
def _copied(
    data: Array,
    start: int,
    end: int,
    cite: bool,
    flags: Array,
    digit: int,
    named: Array,
    bounds: Array,
    made: Array,
    at: int,
) -> int:
    """Copy a line into `made` from `at` on, without citations if `cite`; return where it ends."""
    i = start
    while i < end:
        if cite and data[i] == _OPEN:
            after = _citation(data, i, end, flags, digit, named, bounds)
            if after > i:
                i = after
                continue
        made[at] = data[i]
        at += 1
        i += 1
    return at


@compiled
def _ends_sentence(data: Array, start: int, end: int, marks: Array) -> bool:
    """Whether a line ends in one of `marks` (a table of 256 bytes), and not in three dots."""
    if start == end or not marks[data[end - 1]]:
        return False
    return not (
        end - start >= 3 and data[end - 1] == _DOT and data[end - 2] == _DOT and data[end - 3] == _DOT
    )


@compiled
def clean(
    data: Array,
    rows: Array,
    stops: Array,
    firsts: Array,
    flags: Array,
    bits: tuple[int, int],
    rules: tuple[int, int, bool, bool],
    wanted: int,
    marks: Array,
    named: Array,
    named_bounds: Array,
    phrases: Array,
    phrase_bounds: Array,
    phrase_kinds: Array,
    phrase_heads: Array,
    made: Array,
    made_rows: Array,
    made_firsts: Array,
    broken: Array,
) -> int:
    """Copy the lines that stay into `made`, one after the other; return how many.

    Line i ends at `stops[i]`, the first of each row is `firsts[row]`. `bits`: those of `flags` for white
    space and digits. `rules`: most characters of a word, fewest words (-1: any), whether to take citations
    out, whether a line must end as a sentence. `wanted`: kinds of phrases that count.
    Writes where each line ends into `made_rows` (from 1), each row's first line into `made_firsts`, and into
    `broken` 1 for a text with "lorem ipsum", 2 for one with `{`: these have no lines.
    """
    space, digit = bits
    longest_word, fewest_words, cite, ended = rules
    at, found = 0, 0
    made_rows[0] = 0
    for row in range(len(rows) - 1):
        made_firsts[row] = found
        row_at, row_found = at, found
        begin = rows[row]
        for line in range(firsts[row], firsts[row + 1]):
            start, end = stripped(data, begin, stops[line], flags, space)
            begin = stops[line]
            words, longest = _split(data, start, end, flags, space)
            if longest_word != -1 and longest > longest_word:
                continue
            after = _copied(data, start, end, cite, flags, digit, named, named_bounds, made, at)
            if ended and not _ends_sentence(made, at, after, marks):
                continue
            if words < fewest_words:
                continue
            kinds = wanted & phrases_in(made, at, after, phrases, phrase_bounds, phrase_kinds, phrase_heads)
            if kinds & LOREM_IPSUM:
                broken[row] = 1
                break
            if kinds & JAVASCRIPT:
                continue
            if kinds & CURLY:
                broken[row] = 2
                break
            if kinds & POLICY:
                continue
            at = after
            found += 1
            made_rows[found] = at
        if broken[row]:
            at, found = row_at, row_found
    made_firsts[len(rows) - 1] = found
    return found


@compiled
def join_lines(
    lines: Array,
    line_rows: Array,
    firsts: Array,
    between: int,
    flags: Array,
    space: int,
    made: Array,
    rows: Array,
) -> None:
    """Each row's lines with the byte `between` between them, without white space at the ends, into `made`.

    Writes where each row begins, and where the last ends, into `rows`.
    """
    at = 0
    rows[0] = 0
    for row in range(len(firsts) - 1):
        begin = at
        for line in range(firsts[row], firsts[row + 1]):
            if line > firsts[row]:
                made[at] = between
                at += 1
            for i in range(line_rows[line], line_rows[line + 1]):
                made[at] = lines[i]
                at += 1
        start, end = stripped(made, begin, at, flags, space)
        for i in range(start, end):
            made[begin + i - start] = made[i]
        at = begin + end - start
        rows[row + 1] = at
