"""The type that a column of CSV text suggests. Identifiers such as `007` stay text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from codata.ingest.compute import pc
from codata.ingest.conform import CAST_ERRORS
from codata.ingest.observe import EXACT, first_inexact
from codata.table.buffers import ArrowArray, ArrowType

BOOLEANS: Final = ("true", "false", "True", "False", "TRUE", "FALSE")

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_MINUS, _DOT, _ZERO, _NINE = (ord(c) for c in "-.09")
_AFTER_ZERO: Final = np.frombuffer(b".eE", dtype=np.uint8)
_INTEGER: Final = re.compile(r"-?[0-9]+\Z")
_MAX_INTEGER: Final = 20
"""Characters of the least int64."""


@dataclass(frozen=True)
class Guess:
    """A type, and the index of the first integer that a double would change."""

    type: ArrowType
    lossy: int | None = None


def guess(values: ArrowArray) -> Guess:
    """What these texts, none of them null, suggest."""
    if not len(values):
        return Guess(pa.null())
    first = values[0].as_py()
    if first in BOOLEANS:
        found = pc.all(pc.is_in(values, value_set=pa.array(BOOLEANS, pa.large_string()))).as_py()
        return Guess(pa.bool_() if found else pa.large_string())
    # The first value settles nearly every column of text.
    if not _NUMBER.match(first) or not _all_shaped(values):
        return Guess(pa.large_string())
    return _number(values)


def _number(values: ArrowArray) -> Guess:
    if not _has_fractions(values) and not _negative_zero(values):
        try:
            return Guess(pa.int64(), first_inexact(values.cast(pa.int64())))
        except CAST_ERRORS:
            pass  # beyond int64
    try:
        doubles = values.cast(pa.float64())
    except CAST_ERRORS:
        return Guess(pa.large_string())
    if not pc.all(pc.is_finite(doubles)).as_py():
        return Guess(pa.large_string())
    return Guess(pa.float64(), _first_lossy(values, doubles))


def _first_lossy(values: ArrowArray, doubles: ArrowArray) -> int | None:
    large = pc.greater_equal(pc.abs(doubles), float(EXACT))
    for i in np.flatnonzero(large.to_numpy(zero_copy_only=False)):
        text = values[int(i)].as_py()
        if _INTEGER.match(text) is None:
            continue
        beyond = len(text) > _MAX_INTEGER or not -(2**63) <= int(text) < 2**63
        if beyond or int(float(text)) != int(text):
            return int(i)
    return None


def _all_shaped(values: ArrowArray) -> bool:
    """Whether every text can be a JSON number, as far as casting to a double does not tell.

    A double's own syntax is wider: `.5`, `5.`, `007`, `nan`. Digits must begin, end and surround the point.
    """
    data, starts, ends = _bytes_of(values)
    if (starts == ends).any():
        return False
    negative = data[starts] == _MINUS
    begin = starts + negative
    if (begin == ends).any() or not _digits(data[begin]) or not _digits(data[ends - 1]):
        return False
    # What follows a leading zero: `00` and `0x1F` are identifiers, and a cast would read both as integers.
    second = data[np.minimum(begin + 1, len(data) - 1)]
    alone = (begin + 1 == ends) | np.isin(second, _AFTER_ZERO)
    if ((data[begin] == _ZERO) & ~alone).any():
        return False
    points = np.flatnonzero(data == _DOT)
    return _digits(data[points + 1]) and _digits(data[points - 1])


def _digits(data: npt.NDArray[np.uint8]) -> bool:
    return bool(((data >= _ZERO) & (data <= _NINE)).all())


def _has_fractions(values: ArrowArray) -> bool:
    data, _, _ = _bytes_of(values)
    return bool(((data == _DOT) | (data | 0x20 == ord("e"))).any())


def _negative_zero(values: ArrowArray) -> bool:
    """`-0`, which an integer would not print back."""
    data, starts, ends = _bytes_of(values)
    short = starts[ends - starts == 2]
    return bool(((data[short] == _MINUS) & (data[short + 1] == _ZERO)).any())


def _bytes_of(
    values: ArrowArray,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    base = int(bounds[0])
    text = np.frombuffer(data, dtype=np.uint8)[base : int(bounds[-1])]
    return text, bounds[:-1] - base, bounds[1:] - base
