"""What to run again so that blocks which are not held any more are there.

A table may be its own maker (a filter that drops nothing gives back its input), and anyone may claim to have
made anything, so that "whoever made it" can go round in circles: what is found here begins at what is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cid_store.cid import CID


@dataclass(frozen=True, slots=True)
class Maker:
    """A task that is said to give these outputs, and what it reads."""

    task: CID
    inputs: tuple[CID, ...]
    outputs: tuple[CID, ...]


@dataclass(frozen=True, slots=True)
class Derivation:
    """`rounds` of tasks, each needing only what is held and what rounds before it give. `lost`: nothing leads
    there."""

    rounds: tuple[tuple[Maker, ...], ...]
    lost: frozenset[CID]


Held = Callable[[Sequence[CID]], Sequence[bool]]
Makers = Callable[[CID], Iterable[Maker]]


def derive(wanted: Iterable[CID], held: Held, makers: Makers) -> Derivation:
    """How to make those of `wanted` that are not held; `makers` gives the candidates for a CID, the best
    first."""
    goal = _missing(list(dict.fromkeys(wanted)), held)
    missing, candidates = _ancestry(goal, held, makers)
    rounds: list[dict[CID, Maker]] = []
    while goal & missing:
        ready = _ready(candidates, missing)
        if not ready:
            break
        rounds.append(ready)
        missing -= ready.keys()
    return Derivation(_needed(rounds, goal), frozenset(goal & missing))


def _missing(cids: Sequence[CID], held: Held) -> set[CID]:
    return {cid for cid, here in zip(cids, held(cids), strict=True) if not here}


def _ancestry(goal: set[CID], held: Held, makers: Makers) -> tuple[set[CID], list[Maker]]:
    """Everything missing that `goal` may need, and every task that may help."""
    missing, candidates = set(goal), dict[tuple[CID, tuple[CID, ...]], Maker]()
    front = sorted(goal)
    while front:
        found = [m for cid in front for m in makers(cid)]
        candidates |= {(m.task, m.outputs): m for m in found}
        inputs = dict.fromkeys(cid for m in found for cid in m.inputs if cid not in missing)
        front = sorted(_missing(list(inputs), held))
        missing |= set(front)
    return missing, list(candidates.values())


def _ready(candidates: Sequence[Maker], missing: set[CID]) -> dict[CID, Maker]:
    """What tasks whose inputs are all there would give, by output."""
    ready: dict[CID, Maker] = {}
    for maker in candidates:
        if missing.isdisjoint(maker.inputs):
            for cid in maker.outputs:
                if cid in missing:
                    ready.setdefault(cid, maker)
    return ready


def _needed(rounds: Sequence[dict[CID, Maker]], goal: set[CID]) -> tuple[tuple[Maker, ...], ...]:
    """Of each round only the tasks that lead to `goal`, each once, with the outputs that are needed of it."""
    need, kept = set(goal), list[tuple[Maker, ...]]()
    for ready in reversed(rounds):
        makers: dict[CID, Maker] = {}
        for cid, maker in ready.items():
            if cid in need:
                before = makers[maker.task].outputs if maker.task in makers else ()
                makers[maker.task] = Maker(maker.task, maker.inputs, (*before, cid))
        need |= {cid for m in makers.values() for cid in m.inputs}
        if makers:
            kept.append(tuple(makers.values()))
    return tuple(reversed(kept))
