"""The lines of a stretch of JSON Lines: where each begins and ends, and whether each can be one object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from codata.ingest.ranges import Piece, Positions, as_array, positions
from codata.ingest.types import Where

MAX_NESTING: Final = 1000
"""Brackets open at once in one line. The JSON parser recurses, and some 100,000 levels overflow its stack."""

_BLANK: Final = b" \t\r"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_WEIGHTS: Final = np.zeros(256, dtype=np.int8)
_WEIGHTS[[ord("["), ord("{")]] = 1
_WEIGHTS[[ord("]"), ord("}")]] = -1


@dataclass(frozen=True)
class Lines:
    """The lines of a piece that are not blank, `starts[i]` up to `ends[i]`; row `i` of a table is line `i`.

    `numbers` are their line numbers, counted from 1 at the piece's beginning.

    `framed`: each begins with `{` and ends with `}`. In a stretch that parses as as many objects as there are
    lines, each line is then one object: no line end inside an object stands between `}` and `{`.
    """

    piece: Piece
    starts: Positions
    ends: Positions
    numbers: Positions
    framed: bool

    def __len__(self) -> int:
        return len(self.starts)

    def place(self, row: int) -> Where:
        """The place of a row, counted as types count: from the piece's beginning."""
        return Where(self.piece.file, int(self.numbers[row]))

    def place_in_file(self, row: int) -> Where:
        """The place of a row, counted from the file's beginning: for messages."""
        return Where(self.piece.file, self.piece.lead + int(self.numbers[row]))

    def text(self, row: int) -> bytes:
        """The bytes of a row."""
        return bytes(self.piece.data[int(self.starts[row]) : int(self.ends[row])])


def lines_of(piece: Piece) -> Lines:
    """Find the lines of a piece. Raises `MalformedInput` for nesting that a parser must not be given."""
    array = as_array(piece.data)
    ends = positions(array, 0x0A)
    if len(array) and array[-1] != 0x0A:
        ends = np.append(ends, len(array))
    starts = np.concatenate([np.zeros(min(len(ends), 1), np.int64), ends[:-1] + 1])
    _refuse_deep(piece, starts, ends)
    last = array[np.maximum(ends - 1, 0)] if len(ends) else array[:0]
    last = np.where(last == 0x0D, array[np.maximum(ends - 2, 0)], last) if len(ends) else last
    plain = (array[np.minimum(starts, len(array) - 1)] == ord("{")) & (last == ord("}"))
    keep, framed = plain, True
    for i in np.flatnonzero(~plain):
        text = bytes(piece.data[int(starts[i]) : int(ends[i])]).strip(_BLANK)
        keep[i] = bool(text)
        framed = framed and (not text or (text.startswith(b"{") and text.endswith(b"}")))
    return Lines(piece, starts[keep], ends[keep], np.flatnonzero(keep) + 1, framed)


def _refuse_deep(piece: Piece, starts: Positions, ends: Positions) -> None:
    # A line shorter than its brackets would be can't be deep: that settles nearly all of them.
    for i in np.flatnonzero(ends - starts > 2 * MAX_NESTING):
        text = bytes(piece.data[int(starts[i]) : int(ends[i])])
        if text.count(b"[") + text.count(b"{") > MAX_NESTING and _depth(text) > MAX_NESTING:
            raise piece.malformed(int(starts[i]), f"nested deeper than {MAX_NESTING} levels")


def _depth(text: bytes) -> int:
    bare = np.frombuffer(_STRING.sub(b"", text), dtype=np.uint8)
    return int(np.cumsum(_WEIGHTS[bare], dtype=np.int64).max(initial=0))
