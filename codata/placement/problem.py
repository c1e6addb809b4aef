"""What a placement is asked: places, tasks, the bytes that tasks read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from codata.placement.held import HeldBits

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

Preference = Literal["time", "price"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where tasks can run.

    `busy`: seconds until it is free; `bandwidth`: bytes a second that reach it; `cpu_price`, `byte_price`:
    what it asks for a second of CPU and for a byte that a task reads or writes.
    """

    name: str
    cores: int = 1
    busy: float = 0.0
    bandwidth: float = math.inf
    cpu_price: float = 0.0
    byte_price: float = 0.0


@dataclass(frozen=True)
class Problem:
    """Tasks by number, their inputs by number, and who holds what.

    `sizes`: int64, bytes of each distinct input. `starts`: int64 of tasks + 1; task t reads
    `inputs[starts[t]:starts[t + 1]]`, each input once. `seconds`: float64, CPU time of each task; `traffic`:
    float64, bytes that it reads and writes. `kinds`: the row of `allowed` that says where each task may run.
    `allowed`: bool, kinds by places.
    """

    places: Sequence[Place]
    sizes: Array
    starts: Array
    inputs: Array
    seconds: Array
    traffic: Array
    held: HeldBits
    kinds: Array
    allowed: Array
    prefer: Preference = "time"
    deadline: float = field(default=math.inf)
    """Seconds within which all should be done: work goes to where it moves more bytes once it must."""

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.starts) - 1

    def reads(self, task: int) -> Array:
        """The numbers of a task's inputs."""
        found: Array = self.inputs[self.starts[task] : self.starts[task + 1]]
        return found
