"""Placement: least bytes, then time or price, within a deadline; the same each time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.placement import HeldBits, Place, Placement, Problem, place
from codata.placement.candidates import CHOICES
from codata.placement.place import NOWHERE, least_bytes


def problem(
    reads: Sequence[Sequence[int]], sizes: Sequence[int], holders: Sequence[Sequence[int]], **more: Any
) -> Problem:
    """Tasks that read these inputs, of these sizes, each held by these places."""
    places = more.pop("places", [Place(str(i)) for i in range(more.pop("count", 3))])
    held = HeldBits(len(sizes), len(places))
    for i, at in enumerate(holders):
        for p in at:
            held.add(np.array([i]), p)
    tasks = len(reads)
    seconds = np.array(more.pop("seconds", [1.0] * tasks), np.float64)
    return Problem(
        places=places,
        sizes=np.array(sizes, np.int64),
        starts=np.cumsum([0, *map(len, reads)]).astype(np.int64),
        inputs=np.array([i for r in reads for i in r], np.int64),
        seconds=seconds,
        traffic=np.array([2.0 * sum(sizes[i] for i in r) for r in reads]),
        held=held,
        kinds=np.array(more.pop("kinds", [0] * tasks), np.int64),
        allowed=np.array(more.pop("allowed", [[True] * len(places)]), np.bool_),
        **more,
    )


def test_a_task_goes_to_whom_holds_its_input() -> None:
    found = place(problem([[0], [1], [2]], [10, 10, 10], [[2], [0], [1]]))
    assert found.place.tolist() == [2, 0, 1]
    assert (found.bytes_moved, found.bytes_read, found.moves.tolist()) == (0, 30, [])


def test_a_task_goes_to_whom_holds_the_most_bytes_and_the_rest_moves() -> None:
    found = place(problem([[0, 1, 2]], [10, 20, 5], [[0], [1], [0, 2]]))
    assert found.place.tolist() == [1]
    assert found.moves.tolist() == [[0, 1], [2, 1]]
    assert found.bytes_moved == 15


def test_what_was_moved_once_is_there_for_the_next_task() -> None:
    found = place(problem([[0, 1], [0, 1]], [10, 8], [[0], [1]]))
    assert found.place.tolist() == [0, 0]
    assert found.bytes_moved == 8


def test_among_holders_the_one_that_is_free_first() -> None:
    places = [Place("busy", busy=10), Place("small"), Place("large", cores=4)]
    found = place(problem([[i] for i in range(10)], [10] * 10, [[0, 1, 2]] * 10, places=places))
    assert np.bincount(found.place, minlength=3).tolist() == [0, 2, 8]
    assert found.bytes_moved == 0


def test_the_cheapest_within_the_deadline() -> None:
    places = [Place("cheap", cpu_price=1), Place("dear", cpu_price=5)]
    given_ = ([[i] for i in range(6)], [10] * 6, [[0, 1]] * 6)
    cheap = place(problem(*given_, places=places, prefer="price"))
    assert cheap.place.tolist() == [0] * 6
    assert cheap.price == 6
    soon = place(problem(*given_, places=places, prefer="price", deadline=4.0))
    assert np.bincount(soon.place).tolist() == [4, 2]
    assert soon.price == 14


def test_the_price_of_bytes_counts_too() -> None:
    places = [Place("reads dear", byte_price=1), Place("reads cheap", cpu_price=1)]
    found = place(problem([[0]], [10], [[0, 1]], places=places, prefer="price"))
    assert found.place.tolist() == [1]
    assert found.price == 1


def test_a_deadline_moves_bytes_where_that_is_the_only_way() -> None:
    given_ = ([[i] for i in range(6)], [10] * 6, [[0]] * 6)
    late = place(problem(*given_, count=2))
    assert late.place.tolist() == [0] * 6
    soon = place(problem(*given_, count=2, deadline=3.0))
    assert np.bincount(soon.place).tolist() == [3, 3]
    assert soon.bytes_moved == 30


def test_who_may_not_run_it_does_not_get_it() -> None:
    allowed = [[False, True, True], [False, False, False]]
    found = place(problem([[0], [0]], [10], [[0]], kinds=[0, 1], allowed=allowed))
    assert found.place[0] in (1, 2)
    assert found.place[1] == NOWHERE
    assert found.bytes_moved == 10


def test_what_nobody_holds_is_spread() -> None:
    found = place(problem([[i] for i in range(30)], [10] * 30, [[]] * 30))
    assert np.bincount(found.place).tolist() == [10, 10, 10]
    assert found.bytes_moved == 300


def test_an_input_of_several_tasks_that_nobody_holds_moves_once() -> None:
    found = place(problem([[0]] * 6, [10], [[]]))
    assert len(set(found.place.tolist())) == 1
    assert found.bytes_moved == 10


def test_what_nobody_holds_goes_where_it_arrives_soon() -> None:
    places = [Place("near", bandwidth=10), Place("far", bandwidth=1)]
    found = place(problem([[i] for i in range(6)], [10] * 6, [[]] * 6, places=places))
    assert np.bincount(found.place, minlength=2).tolist() == [5, 1]
    assert found.ready.tolist() == [10, 11]


def test_a_small_input_that_all_tasks_share_does_not_draw_them_together() -> None:
    reads = [[i, 30] for i in range(30)]
    found = place(problem(reads, [1000] * 30 + [10], [[i % 3] for i in range(30)] + [[0]]))
    assert found.place.tolist() == [i % 3 for i in range(30)]
    assert found.bytes_moved == 20


def test_tasks_without_inputs_go_to_whom_is_free() -> None:
    found = place(problem([[], [], []], [], []))
    assert sorted(found.place.tolist()) == [0, 1, 2]


def test_no_tasks_and_no_places() -> None:
    assert place(problem([], [], [])).place.tolist() == []
    none = place(problem([[0]], [10], [[]], places=[], allowed=np.zeros((1, 0))))
    assert none.place.tolist() == [NOWHERE]


def test_of_many_candidates_some_are_compared_and_load_stays_even() -> None:
    count = 4 * CHOICES
    found = place(problem([[i] for i in range(1280)], [1] * 1280, [range(count)] * 1280, count=count))
    loads = np.bincount(found.place, minlength=count)
    assert loads.max() - loads.min() <= 2


@pytest.mark.parametrize("inputs", [0, 1, 7, 8, 9, 3000])
@pytest.mark.parametrize("places", [1, 8, 9])
def test_answers_of_places_are_turned(inputs: int, places: int) -> None:
    flags = np.random.default_rng(inputs).integers(0, 2, (places, inputs)).astype(np.uint8)
    table = HeldBits.turned([np.packbits(row) for row in flags], inputs)
    every = np.arange(inputs)
    assert np.array_equal(table.rows(every), flags.T)
    for p in range(places):
        assert np.array_equal(table.has(every, np.full(inputs, p)), flags[p].astype(np.bool_))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    places, inputs = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    sizes = draw(st.lists(st.integers(1, 100), min_size=inputs, max_size=inputs))
    reads = draw(st.lists(st.sets(st.integers(0, inputs - 1), min_size=1), min_size=1, max_size=5))
    holders = draw(
        st.lists(st.sets(st.integers(0, places - 1)), min_size=inputs, max_size=inputs).map(
            lambda found: [sorted(at) for at in found]
        )
    )
    return problem([sorted(r) for r in reads], sizes, holders, count=places)


def _moved(found: Problem, where: Sequence[int]) -> int:
    pairs = {(int(i), p) for t, p in enumerate(where) for i in found.reads(t)}
    return sum(int(found.sizes[i]) for i, p in pairs if not found.held.has(np.array([i]), np.array([p]))[0])


@given(problems())
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_move_moves_and_no_less_than_the_bound(found: Problem) -> None:
    done: Placement = place(found)
    assert (done.place >= 0).all()
    assert done.bytes_moved == _moved(found, done.place.tolist())
    assert np.array_equal(done.place, place(found).place)
    best = min(_moved(found, w) for w in product(range(len(found.places)), repeat=found.tasks))
    assert least_bytes(found) <= best <= done.bytes_moved


@given(problems())
@settings(max_examples=100, deadline=None)
def test_tasks_that_share_nothing_move_the_least(found: Problem) -> None:
    alone = problem(
        [[i] for i in range(len(found.sizes))],
        found.sizes.tolist(),
        [np.flatnonzero(row).tolist() for row in found.held.rows(np.arange(len(found.sizes)))],
        count=len(found.places),
    )
    assert place(alone).bytes_moved == least_bytes(alone)


def test_the_deadline_is_no_limit_by_default() -> None:
    assert math.isinf(problem([[0]], [1], [[0]]).deadline)
