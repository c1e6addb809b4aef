"""Which places are equally good for a task by the bytes that they hold, for many tasks at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from codata.placement.problem import Array, Problem

CHOICES: Final = 16
"""Candidates that are compared for one task: of more, every so-manieth, beginning elsewhere for each task."""

_FLAGS: Final = 1 << 22  # pairs of input and place that are unpacked at once


@dataclass(frozen=True)
class Candidates:
    """`tasks` that a place holds whole, or of which no place holds anything: the candidates of tasks[i] are
    `flat[ends[i - 1]:ends[i]]`, and each of these lacks `lacking[i]` bytes. `others`: the rest, to be looked
    at one by one; both in the order to go by.
    """

    tasks: Array
    ends: Array
    lacking: Array
    flat: Array
    others: Array


def candidates(problem: Problem, weights: Array) -> Candidates:
    """The candidates of every task. `weights`: the bytes by which each input counts."""
    step = max(1, _FLAGS // max(1, len(problem.places)))
    shared = (np.bincount(problem.inputs, minlength=len(problem.sizes)) > 1) & (weights != 0)
    tasks, counts, flat = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    lacking, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    start = 0
    while start < problem.tasks:
        # As many tasks as read `step` inputs together, and one at least.
        stop = int(np.searchsorted(problem.starts, problem.starts[start] + step, "right")) - 1
        stop = min(max(stop, start + 1), start + step, problem.tasks)
        numbers = np.arange(start, stop)
        equal, alike, lacks = _equal(problem, weights, shared, numbers)
        taken, places = _some(equal[alike], numbers[alike])
        tasks.append(numbers[alike])
        counts.append(taken)
        flat.append(places)
        lacking.append(lacks[alike])
        others.append(numbers[~alike])
        start = stop
    return _sorted(*(np.concatenate(found) for found in (tasks, counts, flat, lacking, others)))


def _equal(problem: Problem, weights: Array, shared: Array, tasks: Array) -> tuple[Array, Array, Array]:
    """For some consecutive tasks: their candidates (tasks by places), which tasks have any, and the bytes
    that each candidate lacks. `shared`: the inputs that several tasks read.

    Tasks that share inputs pull each other along: who holds nothing yet is looked at one by one.
    """
    low, high = problem.starts[tasks[0]], problem.starts[tasks[-1] + 1]
    reads = problem.inputs[low:high]
    starts = problem.starts[tasks] - low
    allowed = problem.allowed[problem.kinds[tasks]]
    flags = problem.held.rows(reads)
    if len(reads) == len(tasks) and np.array_equal(starts, np.arange(len(tasks))):
        whole: Array = flags.astype(np.bool_)
        any_held: Array = flags.any(axis=1) | shared[reads]
        lacking: Array = np.where(any_held, 0, weights[reads])
    else:
        whole = _several(flags, weights[reads], starts, len(tasks))
        any_held, lacking = np.ones(len(tasks), np.bool_), np.zeros(len(tasks), np.int64)
    whole &= allowed
    alike = whole.any(axis=1) | (~any_held & allowed.any(axis=1))
    return np.where(any_held[:, None], whole, allowed), alike, lacking


def _several(flags: Array, sizes: Array, starts: Array, tasks: int) -> Array:
    """Tasks of any number of inputs: who holds all of their bytes.

    Inputs that do not count are as if everybody held them.
    """
    owner = np.repeat(np.arange(tasks), np.diff(np.append(starts, len(sizes))))
    counted = np.flatnonzero(sizes)
    held = np.zeros((tasks, flags.shape[1]), np.int64)
    np.add.at(held, owner[counted], flags[counted])
    needed = np.bincount(owner[counted], minlength=tasks)
    whole: Array = held == needed[:, None]
    return whole


def _some(equal: Array, tasks: Array) -> tuple[Array, Array]:
    """How many candidates each task keeps, at most `CHOICES`, and these, one task's after the other's."""
    rows, places = np.divmod(np.flatnonzero(equal.ravel()), max(1, equal.shape[1]))
    counts = np.bincount(rows, minlength=len(tasks))
    taken = np.minimum(counts, CHOICES)
    each = np.repeat(np.arange(len(tasks)), taken)
    number = np.arange(len(each)) - (np.cumsum(taken) - taken)[each]
    offset = number * counts[each] // taken[each]
    turned = (offset + np.where(counts > CHOICES, tasks, 0)[each]) % counts[each]
    return taken, places[(np.cumsum(counts) - counts)[each] + turned].astype(np.int32)


def _sorted(tasks: Array, counts: Array, flat: Array, lacking: Array, others: Array) -> Candidates:
    """Tasks with fewer candidates first."""
    order = np.argsort(counts, kind="stable")
    starts = (np.cumsum(counts) - counts)[order]
    ends = np.cumsum(counts[order])
    at = (
        np.arange(len(flat))
        - np.repeat(ends - counts[order], counts[order])
        + np.repeat(starts, counts[order])
    )
    return Candidates(tasks[order], ends, lacking[order], flat[at], others)
