"""Rows drawn by their content alone: a hash decides, so that order, parts and other rows do not matter."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator

from codata_jobs.keys import digests, encode_rows, hashes

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_MAX_TEXT: Final = 40


def _share(value: object) -> str:
    """The lowest terms of a decimal or a ratio: what a record holds, so that 0.5 and 1/2 are one task."""
    # A YAML float is read as it was written: repr gives the shortest decimal that means it.
    text = repr(value) if isinstance(value, float | int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT or "e" in text.lower():
        raise ValueError("must be a decimal like 0.01 or a ratio like 1/3")
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("must be a decimal like 0.01 or a ratio like 1/3") from None
    if not 0 <= found <= 1:
        raise ValueError("must lie between 0 and 1")
    return str(found)


Share = Annotated[str, BeforeValidator(_share)]
"""A parameter from 0 to 1, written as a decimal or a ratio, kept in lowest terms."""


def drawn(table: pa.Table, columns: Sequence[str], share: str, seed: int, use: bytes) -> Mask:
    """Which rows are drawn: those whose hash lies in the first `share` of all hashes.

    The hash is the first 8 bytes, big-endian, of SHA-256(`use` ‖ seed as 8 bytes little-endian ‖ the row's
    `columns` as docs/spec/steps.md encodes them); `use` tells one draw from another.
    """
    rows = encode_rows(table, columns, use + seed.to_bytes(8, "little"))
    return _below(hashes(digests(rows)), Fraction(share))


def _below(found: np.ndarray[Any, np.dtype[np.uint64]], share: Fraction) -> Mask:
    """Where found / 2^64 < share, in integers."""
    limit = -(-(share.numerator << 64) // share.denominator)
    if limit > np.iinfo(np.uint64).max:
        return np.ones(len(found), dtype=np.bool_)
    below: Mask = found < np.uint64(limit)
    return below
