"""A lineage as a drawing: datasets, sources and the runs between them, back from where one looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.home import Home
from codata.provider.page.layout import Layout, Point, lay_out
from codata.provider.page.things import Thing, thing
from codata.records.job import Job
from codata.records.run import Run

MAX_RUNS: Final = 24
MAX_TIES: Final = 8
"""Inputs, outputs and makers that are followed from one node: what strangers wrote has no end."""

_LINE: Final = 30  # characters that fit a box
_ASIDE: Final = 26  # pixels
_TAIL: Final = 8  # of a CID: its end tells it from others


@dataclass(frozen=True, slots=True)
class Node:
    """A box: up to three lines of text, a whole description, where it leads."""

    cid: CID
    kind: str
    lines: tuple[str, ...]
    about: str
    href: str | None


@dataclass
class Lineage:
    """Nodes by CID and named edges. `left_out`: runs and datasets that lie beyond the bounds."""

    nodes: dict[CID, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A node and its upper left corner."""

    node: Node
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as an SVG path, its name, and where to write it."""

    path: str
    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Drawing:
    """A lineage in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    left_out: int


def lineage(home: Home, cid: CID, names: Mapping[CID, str]) -> Lineage:
    """The runs behind a dataset or run, as far as this home knows and the bounds allow."""
    found = Lineage()
    start = _add(found, thing(home.store, cid), names)
    waiting = deque([cid] if start.kind == "run" else _makers(home, found, cid))
    seen = set(waiting)
    runs = 0
    while waiting:
        run = waiting.popleft()
        if runs == MAX_RUNS:
            found.left_out += 1
            continue
        runs += 1
        for name, other, is_input in _ties(home, found, run, names):
            edge = (other, run) if is_input else (run, other)
            found.edges.setdefault(edge, name)
            if is_input:
                new = [maker for maker in _makers(home, found, other) if maker not in seen]
                waiting.extend(new)
                seen.update(new)
    return found


def draw(found: Lineage) -> Drawing:
    """Where everything goes."""
    layout = lay_out(list(found.nodes), list(found.edges))
    boxes = tuple(Box(node, *layout.boxes[cid]) for cid, node in found.nodes.items())
    return Drawing(layout.width, layout.height, boxes, tuple(_lines(found, layout)), found.left_out)


def _makers(home: Home, found: Lineage, cid: CID) -> list[CID]:
    """The latest runs that gave this."""
    runs = home.ledger.runs(cid)
    found.left_out += max(len(runs) - MAX_TIES, 0)
    return runs[-MAX_TIES:]


def _ties(home: Home, found: Lineage, cid: CID, names: Mapping[CID, str]) -> Iterator[tuple[str, CID, bool]]:
    """Add a run and what it ties together; gives each tie's name, other end, and whether it is an input."""
    _add(found, thing(home.store, cid), names)
    try:
        run = Run.load(home.store, cid)
        steps = tuple(call.step for call in Job.load(home.store, run.job).steps)
    except CidStoreError:
        return
    found.nodes[cid] = _run_node(found.nodes[cid], steps, run.count, names.get(cid))
    for ties, is_input in ((run.inputs, True), (run.outputs, False)):
        found.left_out += max(len(ties) - MAX_TIES, 0)
        for name, other in islice(ties.items(), MAX_TIES):
            _add(found, thing(home.store, other), names)
            yield name, other, is_input


def _add(found: Lineage, what: Thing, names: Mapping[CID, str]) -> Node:
    if what.cid not in found.nodes:
        name = names.get(what.cid, "")
        lines = (short(name or what.kind), short(what.about), f"…{what.cid[-_TAIL:]}")
        about = f"{what.kind} {name or what.cid}: {what.about}"
        found.nodes[what.cid] = Node(what.cid, what.kind, lines, about, what.href)
    return found.nodes[what.cid]


def _run_node(node: Node, steps: tuple[str, ...], tasks: int, name: str | None) -> Node:
    first = short(steps[0] if steps else "no steps")
    then = short(" → ".join(("", *steps[1:])).strip()) if len(steps) > 1 else ""
    lines = (first, then, f"run …{node.cid[-_TAIL:]}, {tasks:,} task{'' if tasks == 1 else 's'}")
    about = f"run {name or node.cid}: {', '.join(steps)[:300]}; {tasks:,} tasks"
    return Node(node.cid, "run", tuple(line for line in lines if line), about, node.href)


def _lines(found: Lineage, layout: Layout) -> Iterator[Line]:
    for edge, points in layout.routes.items():
        if edge[::-1] in layout.routes:  # there and back: side by side
            aside = _ASIDE if edge[0] < edge[1] else -_ASIDE
            points = [(x + aside, y) for x, y in points]
        (x, y), (to_x, to_y) = points[0], points[1]
        name = short(found.edges[edge], 18)
        yield Line(_path(points), name, (x + to_x) // 2, (y + to_y) // 2)


def _path(points: Sequence[Point]) -> str:
    """Curves that leave and arrive upright."""
    path = f"M{points[0][0]} {points[0][1]}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) // 2
        path += f" C{x} {middle} {to_x} {middle} {to_x} {to_y}"
    return path


def short(text: str, most: int = _LINE) -> str:
    """Text that fits: cut where it is too long."""
    return text if len(text) <= most else text[: most - 1] + "…"
