"""Where CSV records begin and end: line ends outside quotes, told by counting quotes (RFC 4180)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from codata.ingest.base import Options, Range, Source
from codata.ingest.ranges import (
    MAX_RECORD,
    Bytes,
    Piece,
    Positions,
    as_array,
    count,
    is_compressed,
    positions,
    ranges,
    too_long,
)

_LF: Final = 0x0A
_CR: Final = 0x0D
_WINDOW: Final = 256 * 1024


@dataclass(frozen=True)
class Dialect:
    """The two bytes that matter; `quote` is None where no quoting is done."""

    delimiter: int
    quote: int | None


def record_ends(array: Bytes, quote: int | None, inside: bool = False) -> Positions:
    """Offsets behind the line ends that end records. `inside`: the bytes begin within quotes."""
    ends = positions(array, _LF)
    if quote is None:
        return ends + 1
    quotes = positions(array, quote)
    if not len(quotes) and not inside:
        return ends + 1
    before = np.searchsorted(quotes, ends)
    outside: Positions = ends[(before + inside) % 2 == 0] + 1
    return outside


def fields(record: bytes, dialect: Dialect) -> list[str]:
    """The fields of one record that `check` has passed."""
    text = record.removesuffix(b"\n").removesuffix(b"\r")
    array = np.frombuffer(text, dtype=np.uint8)
    cuts = np.flatnonzero(array == dialect.delimiter)
    if dialect.quote is not None:
        cuts = cuts[np.searchsorted(np.flatnonzero(array == dialect.quote), cuts) % 2 == 0]
    bounds = [-1, *cuts.tolist(), len(text)]
    quote = bytes([dialect.quote]) if dialect.quote is not None else b""
    return [_unquote(text[a + 1 : b], quote) for a, b in itertools.pairwise(bounds)]


def _unquote(field: bytes, quote: bytes) -> str:
    if quote and field.startswith(quote):
        field = field[1:-1].replace(quote + quote, quote)
    return field.decode(errors="replace")  # bytes that are not UTF-8 are refused with their piece


def last_record_end(data: memoryview, quote: int | None) -> int:
    """The offset behind the last whole record, 0 where there is none."""
    ends = record_ends(as_array(data), quote)
    return int(ends[-1]) if len(ends) else 0


def split(source: Source, options: Options, quote: int | None, target: int) -> list[Range]:
    """Ranges that end behind a record, each the first at or after `target` bytes. Raises `LimitExceeded`.

    Every byte before a cut is counted: only so is it known whether a line end stands within quotes.
    """
    if not source.size:
        return []
    if is_compressed(source):
        return [Range(0, source.size)]
    view, cuts, inside = source.view(), [0], False
    while source.size - cuts[-1] > target:
        aim = cuts[-1] + target - 1
        inside = _odd_quotes(as_array(view[cuts[-1] : aim]), quote)
        cuts.append(_after_record(view, aim, quote, inside, options.name))
    return ranges(cuts, source.size)


def _odd_quotes(array: Bytes, quote: int | None) -> bool:
    return quote is not None and count(array, quote) % 2 == 1


def _after_record(view: memoryview, start: int, quote: int | None, inside: bool, name: str) -> int:
    for at in range(start, min(len(view), start + MAX_RECORD), _WINDOW):
        array = as_array(view[at : at + _WINDOW])
        ends = record_ends(array, quote, inside)
        if len(ends):
            return at + int(ends[0])
        inside ^= _odd_quotes(array, quote)
    if len(view) - start > MAX_RECORD:
        raise too_long(name, start)
    return len(view)


def check(piece: Piece, dialect: Dialect) -> None:
    """Raise `MalformedInput` for what RFC 4180 leaves without meaning, at its line.

    That is a quote in the middle of a field, a quoted field that does not end, a carriage return by itself.
    """
    array = as_array(piece.data)
    quotes = np.empty(0, np.int64) if dialect.quote is None else positions(array, dialect.quote)
    if len(quotes):
        _check_quotes(piece, array, quotes, dialect)
    returns = positions(array, _CR)
    if len(returns):
        alone = returns[(array[np.minimum(returns + 1, len(array) - 1)] != _LF)]
        alone = alone[np.searchsorted(quotes, alone) % 2 == 0]
        if len(alone):
            raise piece.malformed(int(alone[0]), "a carriage return that no line feed follows")


def _check_quotes(piece: Piece, array: Bytes, quotes: Positions, dialect: Dialect) -> None:
    opening, closing = quotes[0::2], quotes[1::2]
    border = np.zeros(256, dtype=bool)
    border[[dialect.delimiter, _LF, int(dialect.quote or 0)]] = True
    begins = border[array[np.maximum(opening - 1, 0)]] | (opening == 0)
    border[_CR] = True
    ends = border[array[np.minimum(closing + 1, len(array) - 1)]] | (closing == len(array) - 1)
    misplaced = np.concatenate([opening[~begins], closing[~ends]])
    if len(misplaced):
        reason = "a quote inside a field (quote the field and double the quote)"
        raise piece.malformed(int(misplaced.min()), reason)
    if len(quotes) % 2:
        raise piece.malformed(int(quotes[-1]), "a quoted field does not end")
