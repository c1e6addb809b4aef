"""The Accept header: which of its forms is given here.

Source: RFC 9110, 12.5.1. Only the two types of the trustless gateway are chosen; a wildcard chooses nothing,
because who sends one has not said that it can verify what it gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from codata.provider.errors import BadRequest

RAW_TYPE: Final = "application/vnd.ipld.raw"
CAR_TYPE: Final = "application/vnd.ipld.car"

_MAX_LENGTH: Final = 4096  # characters of the header
_MAX_ENTRIES: Final = 64


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry of the header: its type, parameters by lower-case name, and how much it is preferred, 0-1."""

    type: str
    parameters: dict[str, str] = field(default_factory=dict)
    quality: float = 1.0

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for several types."""
        return "*" in self.type


def parse(headers: Iterable[str]) -> list[MediaRange]:
    """The entries of all Accept headers, the most preferred first. Raises `BadRequest`."""
    text = ",".join(headers)
    if len(text) > _MAX_LENGTH:
        raise BadRequest(f"an Accept header of {len(text)} characters is over the limit of {_MAX_LENGTH}")
    entries = list(_entries(text))
    if len(entries) > _MAX_ENTRIES:
        raise BadRequest(f"an Accept header of {len(entries)} entries is over the limit of {_MAX_ENTRIES}")
    return sorted(entries, key=lambda entry: -entry.quality)


def _entries(text: str) -> Iterator[MediaRange]:
    for part in text.split(","):
        type_, *pairs = (piece.strip() for piece in part.split(";"))
        if not type_:
            continue
        parameters: dict[str, str] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        quality = _quality(parameters.pop("q", "1"))
        if quality > 0:
            yield MediaRange(type_.lower(), parameters, quality)


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        quality = -1.0
    if not 0 <= quality <= 1:
        raise BadRequest(f"a quality of {text[:20]!r} in the Accept header is not between 0 and 1")
    return quality
