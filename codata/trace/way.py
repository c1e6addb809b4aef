"""The way back of a row, as it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cid_store.cid import CID


@dataclass(frozen=True)
class Place:
    """Where a row stands in a dataset: its number in the dataset, the number of its shard, both from 0."""

    dataset: CID
    row: int
    shard: int

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        return {"dataset": self.dataset, "row": self.row, "shard": self.shard}


@dataclass(frozen=True)
class File:
    """A place in a source file: `paths` are all names that the source has for these bytes.

    `unit`: what `number` counts, lines from 1 or records from 0; a whole file is number 0 of the unit `file`.
    """

    cid: CID
    paths: tuple[str, ...]
    unit: str
    number: int

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        return {"cid": self.cid, "paths": list(self.paths), "unit": self.unit, "number": self.number}

    def __str__(self) -> str:
        where = "" if self.unit == "file" else f", {self.unit} {self.number}"
        return f"{' = '.join(self.paths)}{where} (file {self.cid})"


@dataclass(frozen=True)
class Made:
    """The task that gave a row, and what its steps did to it, the last one first."""

    run: CID
    task: CID
    operation: str
    stage: str
    did: tuple[tuple[str, str], ...] = ()

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": self.run,
            "task": self.task,
            "operation": self.operation,
            "stage": self.stage,
            "steps": [{"step": step, "did": did} for step, did in self.did],
        }


@dataclass(frozen=True)
class Hop:
    """A row of a table file, or a place in a source file (`file`).

    `places`: where it stands in datasets; a shard that a dataset has twice gives two. `origins`: the numbers
    of the hops that it came from, of which `more` are not followed. `stopped`: why nothing leads further.
    """

    table: CID
    row: int
    places: tuple[Place, ...] = ()
    made: Made | None = None
    origins: tuple[int, ...] = ()
    more: int = 0
    file: File | None = None
    stopped: str = ""

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        if self.file:
            return {"file": self.file.to_value()}
        value: dict[str, Any] = {"table": self.table, "row": self.row}
        if self.places:
            value["places"] = [p.to_value() for p in self.places]
        if self.made:
            value["made_by"] = self.made.to_value()
        if self.more:
            value["more"] = self.more
        if self.stopped:
            value["stopped"] = self.stopped
        return value | {"from": list(self.origins)}


@dataclass(frozen=True)
class Way:
    """All hops, that of the row asked for first. `jobs`: the steps of each run on the way."""

    hops: tuple[Hop, ...]
    jobs: Mapping[CID, tuple[str, ...]]

    def walk(self) -> Iterator[Hop]:
        """All hops, each once: a row, then all that its first origin came from, then its second…"""
        seen: set[int] = set()
        waiting = [0]
        while waiting:
            n = waiting.pop()
            if n not in seen:
                seen.add(n)
                yield self.hops[n]
                waiting += reversed(self.hops[n].origins)

    @property
    def sources(self) -> list[File]:
        """The places in files that the way ends at, each once: documents of a packed row in their order."""
        return [hop.file for hop in self.walk() if hop.file]

    @property
    def whole(self) -> bool:
        """Whether no operation on the way leaves open where its rows come from."""
        return not any(hop.stopped for hop in self.hops)

    def to_value(self) -> dict[str, Any]:
        """As JSON: `hops` refer to each other by number."""
        return {
            **self.hops[0].places[0].to_value(),
            "shard_cid": self.hops[0].table,
            "shard_row": self.hops[0].row,
            "sources": [file.to_value() for file in self.sources],
            "hops": [hop.to_value() for hop in self.hops],
            "runs": {run: list(steps) for run, steps in self.jobs.items()},
            "whole": self.whole,
        }
