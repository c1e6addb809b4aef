"""The way back of a row, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from codata.trace.way import Hop, Way


def as_text(way: Way) -> str:
    """From the row to its files, one line for each thing that happened; rows that meet are told once."""
    return "\n".join(_lines(way))


def _lines(way: Way) -> Iterator[str]:
    told: set[int] = set()
    shown_run = ""
    waiting = [(0, 0)]
    while waiting:
        n, depth = waiting.pop()
        hop, indent = way.hops[n], "  " * depth
        if n in told:
            yield f"{indent}{_name(hop)}, as above"
            continue
        told.add(n)
        if hop.places or hop.file:
            yield indent + _name(hop)
        if hop.made and hop.made.run != shown_run:
            shown_run = hop.made.run
            yield f"{indent}  run {hop.made.run}: {_job(way.jobs[hop.made.run])}"
        yield from (indent + "  " + line for line in _doings(hop, way))
        if hop.places and not hop.origins and not hop.made:
            yield f"{indent}  no run that is known here gave this dataset"
        many = len(hop.origins) + hop.more > 1
        if many:
            more = f" ({hop.more} more are not followed)" if hop.more else ""
            yield f"{indent}  from {len(hop.origins) + hop.more} rows{more}"
        waiting += [(origin, depth + 2 * many) for origin in reversed(hop.origins)]


def _job(steps: Sequence[str]) -> str:
    """The steps of a job; one that stands several times in a row is told once."""
    runs = [(step, len(list(again))) for step, again in groupby(steps)]
    return " → ".join(step if count == 1 else f"{step} ×{count}" for step, count in runs)  # noqa: RUF001


def _name(hop: Hop) -> str:
    if hop.file:
        return f"file {hop.file}"
    if not hop.places:
        return f"row {hop.row} of table {hop.table}"
    first = hop.places[0]
    also = f"; the same shard is also {', '.join(_also(hop))}" if len(hop.places) > 1 else ""
    return f"row {first.row} of dataset {first.dataset} (shard {first.shard}, its row {hop.row}{also})"


def _also(hop: Hop) -> Iterator[str]:
    first = hop.places[0]
    for place in hop.places[1:]:
        of = "" if place.dataset == first.dataset else f" of {place.dataset}"
        yield f"shard {place.shard}{of}"


def _doings(hop: Hop, way: Way) -> Iterator[str]:
    if hop.made:
        width = max(len(step) for step in way.jobs[hop.made.run])
        yield from (f"{step:<{width}}  {did}" for step, did in hop.made.did)
    if hop.stopped:
        yield hop.stopped
