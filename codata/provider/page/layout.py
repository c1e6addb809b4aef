"""A layered drawing of a directed graph, top down: pure geometry in whole pixels.

Layers by longest path; long edges pass through points of their own in the layers between; the order within a
layer follows the neighbours' mean place (Sugiyama, Tagawa and Toda 1981). Edges that would close a circle are
turned for the drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

BOX: Final = (216, 66)
"""Width and height of a node, in pixels."""

GAP: Final = (28, 46)
"""Between nodes of a layer, and between layers."""

_SWEEPS: Final = 4
_LANE: Final = 12  # width that a long edge takes of a layer that it crosses

Edge = tuple[str, str]
Point = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """`boxes`: each node's upper left corner. `routes`: the points of each edge, from start to end."""

    width: int
    height: int
    boxes: Mapping[str, Point]
    routes: Mapping[Edge, Sequence[Point]]


@dataclass
class _Layers:
    """Nodes and lanes by layer, in order. A lane is a number, a node a string."""

    rows: list[list[str | int]] = field(default_factory=list)
    above: dict[str | int, list[str | int]] = field(default_factory=dict)
    below: dict[str | int, list[str | int]] = field(default_factory=dict)

    def tie(self, upper: str | int, lower: str | int) -> None:
        self.below.setdefault(upper, []).append(lower)
        self.above.setdefault(lower, []).append(upper)


def lay_out(nodes: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Where to draw these nodes and the edges between them. Edges from a node to itself are left out."""
    ties = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    turned = _circular(nodes, ties)
    downwards = {edge: edge[::-1] if edge in turned else edge for edge in ties}
    level = _levels(nodes, list(downwards.values()))
    layers, chains = _layers(nodes, downwards, level)
    _order(layers)
    middle = _places(layers)
    left = min((x - _width(node) // 2 for node, x in middle.items()), default=0)
    right = max((x + _width(node) // 2 for node, x in middle.items()), default=0)
    step = BOX[1] + GAP[1]
    boxes = {node: (middle[node] - left - BOX[0] // 2, level[node] * step) for node in nodes}
    routes = {}
    for edge, chain in chains.items():
        points = _route(chain, middle, left, level[downwards[edge][0]] * step)
        routes[edge] = points[::-1] if edge in turned else points
    return Layout(right - left, max(len(layers.rows) * step - GAP[1], 0), boxes, routes)


def _circular(nodes: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """Edges without which there is no circle: those that lead back on a walk, depth first."""
    after: dict[str, list[str]] = {}
    for start, end in edges:
        after.setdefault(start, []).append(end)
    found: set[Edge] = set()
    state: dict[str, int] = {}  # 1: on the walk's path, 2: left behind
    for root in nodes:
        path = [] if root in state else [(root, iter(after.get(root, ())))]
        state.setdefault(root, 1)
        while path:
            node, rest = path[-1]
            to = next(rest, None)
            if to is None:
                state[node] = 2
                path.pop()
            elif to not in state:
                state[to] = 1
                path.append((to, iter(after.get(to, ()))))
            elif state[to] == 1:
                found.add((node, to))
    return found


def _levels(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Each node's layer: below all before it; what nothing leads to, right above what follows it."""
    level = dict.fromkeys(nodes, 0)
    for _ in nodes:
        before = dict(level)
        for start, end in edges:
            level[end] = max(level[end], level[start] + 1)
        if level == before:
            break
    ends = {end for _, end in edges}
    for node in nodes:
        following = [level[end] for start, end in edges if start == node]
        if node not in ends and following:
            level[node] = min(following) - 1
    return level


def _layers(
    nodes: Sequence[str], downwards: Mapping[Edge, Edge], level: Mapping[str, int]
) -> tuple[_Layers, dict[Edge, list[str | int]]]:
    layers = _Layers([[] for _ in range(max(level.values(), default=-1) + 1)])
    for node in nodes:
        layers.rows[level[node]].append(node)
    chains: dict[Edge, list[str | int]] = {}
    lanes = 0
    for edge, (upper, lower) in downwards.items():
        chain: list[str | int] = [upper]
        for row in range(level[upper] + 1, level[lower]):
            layers.rows[row].append(lanes)
            chain.append(lanes)
            lanes += 1
        chain.append(lower)
        for first, second in pairwise(chain):
            layers.tie(first, second)
        chains[edge] = chain
    return layers, chains


def _order(layers: _Layers) -> None:
    """Sort each layer by the mean place of its neighbours, down and up again."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = layers.above if down else layers.below
        rows = layers.rows if down else layers.rows[::-1]
        for before, row in pairwise(rows):
            at = {node: float(i) for i, node in enumerate(before)}
            mean = {node: _mean([at[n] for n in near.get(node, ())], i) for i, node in enumerate(row)}
            row.sort(key=mean.__getitem__)


def _places(layers: _Layers) -> dict[str | int, int]:
    """The middle of each node and lane: near the mean of its neighbours, in order, without overlap."""
    x: dict[str | int, float] = {}
    for row in layers.rows:
        x |= _apart(row, [0.0] * len(row))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = layers.above if down else layers.below
        for row in layers.rows if down else layers.rows[::-1]:
            x |= _apart(row, [_mean([x[n] for n in near.get(node, ())], x[node]) for node in row])
    return {node: round(place) for node, place in x.items()}


def _apart(row: Sequence[str | int], wanted: Sequence[float]) -> dict[str | int, float]:
    """Places in this order, at least a gap apart, as near to what is wanted as moving all together brings
    them."""
    placed: dict[str | int, float] = {}
    edge = float("-inf")
    for node, want in zip(row, wanted, strict=True):
        half = _width(node) / 2
        placed[node] = max(want, edge + half)
        edge = placed[node] + half + GAP[0]
    shift = _mean([w - p for w, p in zip(wanted, placed.values(), strict=True)], 0)
    return {node: place + shift for node, place in placed.items()}


def _route(chain: Sequence[str | int], middle: Mapping[str | int, int], left: int, top: int) -> list[Point]:
    """From the lower side of the first box to the upper side of the last, straight through the lanes."""
    y = top + BOX[1]
    points = [(middle[chain[0]] - left, y)]
    for lane in chain[1:-1]:
        points += [(middle[lane] - left, y + GAP[1]), (middle[lane] - left, y + GAP[1] + BOX[1])]
        y += GAP[1] + BOX[1]
    return [*points, (middle[chain[-1]] - left, y + GAP[1])]


def _width(node: str | int) -> int:
    return BOX[0] if isinstance(node, str) else _LANE


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
