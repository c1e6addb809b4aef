"""Reading many blocks with few requests: neighbouring sections come in one range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cid_store.stores.s3.catalog import Place

MAX_GAP: Final = 128 * 1024
"""Bytes between two sections that are rather read and dropped than asked around: about what a request
costs in time.
"""

MAX_RANGE: Final = 8 << 20
"""Bytes of one range: what one request keeps in memory, but for a single larger section."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `start` to `end` of a CAR."""

    car: str
    start: int
    end: int


def coalesce(places: Iterable[Place]) -> dict[Place, Range]:
    """For each place the range that it is read with."""
    ranges: dict[Place, Range] = {}
    group: list[Place] = []
    end = 0
    for place in sorted(set(places)):
        begins = not group or place.car != group[0].car or place.offset - end > MAX_GAP
        if begins or place.offset + place.length - group[0].offset > MAX_RANGE:
            _close(ranges, group, end)
            group, end = [], 0
        group.append(place)
        end = max(end, place.offset + place.length)
    _close(ranges, group, end)
    return ranges


def _close(ranges: dict[Place, Range], group: list[Place], end: int) -> None:
    if group:
        whole = Range(group[0].car, group[0].offset, end)
        ranges.update((place, whole) for place in group)
