"""Parameters that are shares: exact ratios, so that comparing with them is integer arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator

_MAX_TEXT: Final = 40


def _ratio(value: object) -> str:
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


Ratio = Annotated[str, BeforeValidator(_ratio)]
"""A number from 0 to 1 as `Fraction` writes it: `4/5`, `1`."""
