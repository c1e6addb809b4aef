"""`codata plan`: what a run would do, as far as it can be known or estimated before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from cid_store.cid import CID, DAG_CBOR
from codata.foresight import Foreseen, Foresight
from codata.home import Home
from codata.records.job import Job
from codata.verify.sample import draws

DRAWS: Final = draws(Decimal("0.01"), Decimal("0.99"))
"""Tasks of a stage that a verifier draws to find a wrong 1% of it with 99% confidence."""


@dataclass(frozen=True)
class StageEstimate:
    """One stage: its tasks, how many are done already, the bytes that the others read.

    `sizes`: what these bytes rest on, one of `codata.execute.suppose.BASES`. `most`: as many tasks as there
    can be where no step adds rows or bytes; None where that is not foreseen.
    """

    name: str
    tasks: int
    cached: int
    bytes: int
    sizes: str
    most: int | None

    def to_value(self) -> dict[str, Any]:
        """As JSON holds it."""
        return vars(self)


@dataclass(frozen=True)
class Estimate:
    """The stages of a run; `foresight` tells more of them."""

    stages: tuple[StageEstimate, ...]
    foresight: Foresight

    @property
    def ends(self) -> str | None:
        """Why nothing is foreseen beyond the last stage, where that is not the end of the run."""
        return self.foresight.ends

    @property
    def complete(self) -> bool:
        """Whether all is done already."""
        return all(stage.tasks == stage.cached == stage.most for stage in self.stages)


def estimate(
    home: Home,
    job: Job,
    inputs: Mapping[str, CID],
    size: Callable[[CID], int] | None = None,
    see: Callable[[Foresight, Foreseen], None] = lambda foresight, stage: None,
    *,
    bounds: bool = True,
) -> Estimate:
    """Follow the plan to its end; `see` is shown each stage on the way.

    With `bounds` once more, for the most tasks that stages can have. `size` gives the bytes of inputs, by
    default as the home's store has them. Nothing runs or is kept.
    """
    sizes = size or (lambda cid: _size(home, cid))
    foresight = Foresight(home, job, inputs, sizes)
    found: list[StageEstimate] = []
    for stage in foresight.stages():
        see(foresight, stage)
        reads = sum(
            foresight.size(cid)
            for task in stage.todo.values()
            for name in task.inputs
            for cid in task.input_cids(foresight.store, name)
        )
        cached = stage.tasks - len(stage.todo)
        found.append(StageEstimate(stage.name, stage.tasks, cached, reads, stage.sizes, stage.tasks))
    if all(stage.tasks == stage.cached for stage in found):
        return Estimate(tuple(found), foresight)
    most = Foresight(home, job, inputs, sizes, most=True).stages() if bounds else ()
    return Estimate(tuple(_bounded(found, [(stage.name, stage.tasks) for stage in most])), foresight)


def _bounded(found: Sequence[StageEstimate], most: Sequence[tuple[str, int]]) -> Iterator[StageEstimate]:
    """The stages with their bounds; between them those that may be and are not expected, without tasks."""
    expected = {key: stage for key, stage in zip(_numbered(s.name for s in found), found, strict=True)}
    bounds = dict(zip(_numbered(name for name, _ in most), (count for _, count in most), strict=True))
    left = list(bounds)
    for key, stage in expected.items():
        if key in left:
            at = left.index(key)
            yield from (_perhaps(k, bounds[k]) for k in left[:at] if k not in expected)
            left = left[at + 1 :]
        bound = bounds.get(key)
        yield replace(stage, most=bound if bound is not None and bound >= stage.tasks else None)
    yield from (_perhaps(k, bounds[k]) for k in left if k not in expected)


def _perhaps(key: tuple[str, int], most: int) -> StageEstimate:
    return StageEstimate(key[0], 0, 0, 0, "assumed", most)


def _numbered(names: Iterator[str]) -> list[tuple[str, int]]:
    """Each name and how often it came before: a stage may come again."""
    seen: Counter[str] = Counter()
    keys: list[tuple[str, int]] = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _size(home: Home, cid: CID) -> int:
    """Bytes of an input; 0 for one that must be made again first."""
    if not home.store.has(cid):
        return 0
    return len(home.store.get(cid)) if cid.codec == DAG_CBOR else home.store.open_file(cid).size
