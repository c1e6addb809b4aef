"""Lineages as drawings: nothing overlaps, only what closes a circle leads up, and strangers' records end
somewhere."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cid_store.cid import CID, RAW
from codata.home import Home
from codata.provider.page.graph import MAX_RUNS, MAX_TIES, draw, lineage
from codata.provider.page.layout import BOX, GAP, lay_out
from codata.records import pages
from codata.records.job import Job, Ref, StepCall
from codata.records.run import Run

_NAMES = [f"n{i}" for i in range(9)]


@given(st.lists(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_NAMES)), max_size=20))
def test_any_graph_is_drawn_without_overlap(edges: list[tuple[str, str]]) -> None:
    layout = lay_out(_NAMES, edges)
    assert set(layout.boxes) == set(_NAMES)
    for (ax, ay), (bx, by) in combinations(layout.boxes.values(), 2):
        assert ay != by or abs(ax - bx) >= BOX[0] + GAP[0] - 1
    for x, y in layout.boxes.values():
        assert 0 <= x <= layout.width - BOX[0]
        assert 0 <= y <= layout.height - BOX[1]
    for (start, end), points in layout.routes.items():
        ends = {points[0], points[-1]}
        assert all(any(_touches(layout.boxes[node], point) for point in ends) for node in (start, end))
    assert set(layout.routes) == {edge for edge in edges if edge[0] != edge[1]}
    assert lay_out(_NAMES, edges) == layout


def _touches(box: tuple[int, int], point: tuple[int, int]) -> bool:
    return abs(box[0] + BOX[0] // 2 - point[0]) <= 1 and point[1] in (box[1], box[1] + BOX[1])


def test_a_tree_leads_down_and_long_edges_pass_beside_boxes() -> None:
    layout = lay_out("abcd", [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")])
    step = BOX[1] + GAP[1]
    assert [layout.boxes[node][1] // step for node in "abcd"] == [0, 1, 2, 3]
    for x, y in layout.routes["a", "d"][1:-1]:
        for left, top in layout.boxes.values():
            assert not (left < x < left + BOX[0] and top < y < top + BOX[1])


def test_a_circle_is_turned_once() -> None:
    layout = lay_out("ab", [("a", "b"), ("b", "a")])
    assert layout.routes["a", "b"] == layout.routes["b", "a"][::-1]


def test_nothing_is_drawn_of_nothing() -> None:
    assert (lay_out([], []).width, lay_out([], []).height) == (0, 0)


def _run(home: Home, inputs: dict[str, CID], outputs: dict[str, CID]) -> CID:
    call = StepCall("filter", 1, {}, {"table": Ref("data")})
    job = Job(("data",), (call,), {"out": Ref("out", 0)}).save(home.store)
    rows = pages.put(home.store, [])
    run = Run(job, 1, inputs, outputs, rows, 0, "did:key:z", bytes(64)).save(home.store)
    home.ledger.add_run(run, outputs.values())
    return run


def _cid(number: int) -> CID:
    return CID.make(RAW, b"%d" % number)


def test_a_run_that_gives_back_its_input(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        run = _run(home, {"data": _cid(0)}, {"out": _cid(0)})
        found = lineage(home, _cid(0), {_cid(0): "same"})
        assert found.edges == {(_cid(0), run): "data", (run, _cid(0)): "out"}
        assert found.nodes[_cid(0)].lines[0] == "same"
        assert len(draw(found).lines) == 2


def test_a_long_history_ends_where_the_bounds_are(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        for number in range(MAX_RUNS + 5):
            _run(home, {"data": _cid(number)}, {"out": _cid(number + 1)})
        found = lineage(home, _cid(MAX_RUNS + 5), {})
    assert sum(node.kind == "run" for node in found.nodes.values()) == MAX_RUNS
    assert found.left_out == 1


def test_a_run_of_many_inputs_and_a_dataset_of_many_makers(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        many = {f"i{n:02}": _cid(n) for n in range(MAX_TIES + 3)}
        run = _run(home, many, {"out": _cid(99)})
        found = lineage(home, run, {})
        assert (len(found.edges), found.left_out) == (MAX_TIES + 1, 3)
        for number in range(MAX_TIES + 2):
            _run(home, {"data": _cid(200 + number)}, {"out": _cid(500)})
        assert lineage(home, _cid(500), {}).left_out == 2


def test_a_run_whose_job_is_gone_is_drawn_as_what_it_is(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        run = _run(home, {"data": _cid(1)}, {"out": _cid(2)})
        home.store.delete([Run.load(home.store, run).job])
        found = lineage(home, _cid(2), {})
    assert [node.kind for node in found.nodes.values()] == ["missing", "run"]
