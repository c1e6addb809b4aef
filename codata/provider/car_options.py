"""What a request for a CAR may choose: scope, byte range, and the order and repetition of blocks.

Source: the trustless gateway specification; IPIP-402 (scope and range), IPIP-412 (order and duplicates).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from codata.provider.accept import CAR_TYPE
from codata.provider.errors import BadRequest

Scope = Literal["block", "entity", "all"]

_SCOPES: Final = ("block", "entity", "all")
_VARIANTS: Final = {"version": ("1",), "order": ("dfs", "unk"), "dups": ("y", "n")}
_RANGE: Final = re.compile(r"(-?[0-9]{1,18}):(\*|-?[0-9]{1,18})\Z")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `stop` of a file, both included; negative ones count from the end, None is the end."""

    start: int
    stop: int | None

    @classmethod
    def parse(cls, text: str) -> ByteRange:
        """The range of `from:to`; raises `BadRequest`, also for one that can be of no file."""
        match = _RANGE.match(text)
        if not match:
            raise BadRequest(
                f"{text[:60]!r} is no byte range", next_step="write from:to, as 0:1023 or -1024:*"
            )
        start, stop = int(match[1]), None if match[2] == "*" else int(match[2])
        if stop is not None and (start < 0) == (stop < 0) and stop < start:
            raise BadRequest(f"the byte range {text} ends before it begins")
        return cls(start, stop)

    def within(self, size: int) -> tuple[int, int] | None:
        """Offset and length in a file of `size` bytes, or None for no bytes. Raises `BadRequest`."""
        if self.start >= size > 0:
            raise BadRequest(f"the byte range begins at {self.start}; the file has {size} bytes")
        start = self.start if self.start >= 0 else max(0, size + self.start)
        stop = size - 1 if self.stop is None else self.stop if self.stop >= 0 else size + self.stop
        stop = min(stop, size - 1)
        return (start, stop - start + 1) if stop >= start else None

    def __str__(self) -> str:
        return f"{self.start}:{'*' if self.stop is None else self.stop}"


@dataclass(frozen=True, slots=True)
class CarOptions:
    """Which blocks, after those of the path, and whether a block comes each time that a link leads to it."""

    scope: Scope = "all"
    bytes: ByteRange | None = None
    repeat: bool = False

    @property
    def media_type(self) -> str:
        """What an answer with these options is. The order is always depth first, which also serves `unk`."""
        return f"{CAR_TYPE}; version=1; order=dfs; dups={'y' if self.repeat else 'n'}"

    @property
    def query(self) -> str:
        """The parameters of a URL that ask for the same."""
        parts = [f"dag-scope={self.scope}"] if self.scope != "all" else []
        parts += [f"entity-bytes={self.bytes}"] if self.bytes else []
        return "&".join((*parts, "car-version=1", "car-order=dfs", f"car-dups={'y' if self.repeat else 'n'}"))


def is_given(parameters: Mapping[str, str]) -> bool:
    """Whether CARs with these parameters of their media type are given here."""
    return all(parameters.get(name, known[0]) in known for name, known in _VARIANTS.items())


def variant(query: Mapping[str, str]) -> dict[str, str]:
    """What `car-version`, `car-order` and `car-dups` ask for; raises `BadRequest`."""
    asked = {name: query[f"car-{name}"] for name in _VARIANTS if f"car-{name}" in query}
    for name, value in asked.items():
        if value not in _VARIANTS[name]:
            raise BadRequest(
                f"car-{name}={value[:40]!r} is not given here",
                next_step=f"choose from {', '.join(_VARIANTS[name])}",
            )
    return asked


def options(query: Mapping[str, str], parameters: Mapping[str, str]) -> CarOptions:
    """The options of a URL's query and a media type's parameters; raises `BadRequest`."""
    scope = query.get("dag-scope", "all")
    if scope not in _SCOPES:
        raise BadRequest(
            f"dag-scope={scope[:40]!r} is not known", next_step=f"choose from {', '.join(_SCOPES)}"
        )
    text = query.get("entity-bytes")
    if text is not None:
        return CarOptions("entity", ByteRange.parse(text), parameters.get("dups") == "y")
    return CarOptions(cast(Scope, scope), None, parameters.get("dups") == "y")
