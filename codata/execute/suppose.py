"""Receipts for tasks that have not run: what a plan is sent to see how it would go on.

A plan asks of a receipt which outputs there are, how many rows and bytes they have, and seldom what a node
says. The first three can be estimated; of nodes only the choice of cuts can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cid_store import Store
from cid_store.cid import CID, RAW
from codata import ops
from codata.execute.shapes import GROWTH, Shapes, buckets_of, frame
from codata.ops import Bulk
from codata.plan.seal import even_cuts
from codata.records import pages
from codata.records.receipt import Cost, Output, Receipt
from codata.records.task import Task

BASES: Final = ("known", "seen", "assumed")
"""What a size rests on, the best first: it was made; receipts of the same operation; what the operation says
of itself, or that every row stays as large as it is."""

_PICK: Final = "seal/pick"
_LARGEST: Final = 1 << 50  # bytes or rows of one output


@dataclass(frozen=True, slots=True)
class Mass:
    """About one output: rows, bytes of rows, batches (0: a table), and the place in `BASES` of what that
    rests on.
    """

    rows: int
    bytes: int
    buckets: int = 0
    basis: int = 0

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.bytes + frame(self.buckets)

    def read(self) -> tuple[float, float]:
        """Rows and bytes of rows that one task reads of it."""
        share = max(1, self.buckets)
        return self.rows / share, self.bytes / share


class _Asked(dict[str, Output]):
    """Outputs that come to be when they are asked for: only the plan knows their names."""

    def __init__(self, make: Callable[[str], Output]) -> None:
        self._make = make

    def __missing__(self, name: str) -> Output:
        self[name] = self._make(name)
        return self[name]


class Supposer:
    """Supposes receipts. `store` takes the nodes that plans will read; `size` tells of inputs that exist.

    `shapes` is None for the most that may be: every row stays, and shards are as small as they can be.
    """

    def __init__(self, store: Store, size: Callable[[CID], int], shapes: Shapes | None, shard: int) -> None:
        self._store, self._size, self._shapes, self._shard = store, size, shapes, shard
        self._masses: dict[CID, Mass] = {}
        self._makers: dict[CID, CID] = {}
        self._unseen: set[CID] = set()

    def mass(self, cid: CID) -> Mass:
        """About an output or input."""
        if cid not in self._masses:
            self._masses[cid] = Mass(0, self._size(cid))
        return self._masses[cid]

    def maker(self, cid: CID) -> CID | None:
        """The task that is supposed to give this; None for what is given."""
        return self._makers.get(cid)

    def named(self, cid: CID) -> bool:
        """Whether this is an output's CID, and no placeholder for one."""
        return cid not in self._unseen

    def learn(self, cid: CID, rows: int) -> None:
        """The rows of a table that exists."""
        self._masses[cid] = Mass(rows, max(0, self._size(cid) - frame(0)))

    def take(self, cid: CID, task: Task, receipt: Receipt, *, believed: bool = True) -> None:
        """What a task has given; where the receipt is not `believed`, what it is supposed to give."""
        basis = 0 if believed else 1
        others = sum(o.hash is None for o in receipt.out.values())
        for name, output in receipt.out.items():
            buckets = buckets_of(task)
            if output.hash is not None:
                mass = Mass(min(output.rows, _LARGEST), min(output.size, _LARGEST), 0, basis)
            elif buckets:
                size = max(0, receipt.cost.bytes_out // others - frame(buckets))
                mass = Mass(self._mass(task, name).rows, min(size, _LARGEST), buckets, basis)
            else:
                continue
            self._masses.setdefault(output.cid, mass)
            if not believed:
                self._makers.setdefault(output.cid, cid)

    def receipt(self, cid: CID, task: Task) -> Receipt:
        """About what this task, of this CID, would give."""

        def make(name: str) -> Output:
            found = self._cuts(task) if task.step == _PICK else _named(cid, name)
            mass = self._masses[found] = self._mass(task, name)
            self._makers[found] = cid
            self._unseen.add(found)
            return Output(found, bytes(32), mass.rows, mass.bytes, found)

        return Receipt(cid, _Asked(make), cid, "", Cost(0, 0, 0, 0))

    def basis(self, task: Task) -> int:
        """The place in `BASES` of what the sizes of its inputs rest on."""
        return max((self.mass(c).basis for name in task.inputs for c in self._inputs(task, name)), default=0)

    def _inputs(self, task: Task, name: str) -> list[CID]:
        return list(task.input_cids(self._store, name))

    def _mass(self, task: Task, name: str) -> Mass:
        taken = {key: [self.mass(cid) for cid in self._inputs(task, key)] for key in task.inputs}
        every = [mass for masses in taken.values() for mass in masses]
        basis = max((mass.basis for mass in every), default=0)
        bulk = _bulk(task, taken)
        if name.startswith("dropped") and self._shapes is not None:
            bulk = Bulk(0.0, 0.0)  # filters are assumed to keep every row
        rows, size = bulk.rows, bulk.rows * bulk.row_bytes
        seen = self._shapes.seen(task, name) if self._shapes else None
        if seen is not None:
            read = sum(mass.read()[1] for mass in every)
            rows, size = (rows if buckets_of(task) else read * seen[0]), read * seen[1]
        return Mass(_whole(rows), _whole(size), buckets_of(task), max(basis, 1 if seen is not None else 2))

    def _cuts(self, task: Task) -> CID:
        parts = [self.mass(cid) for cid in self._inputs(task, "parts")]
        return pages.put(self._store, even_cuts([(m.rows, m.bytes) for m in parts], self._shard))


def _bulk(task: Task, taken: Mapping[str, Sequence[Mass]]) -> Bulk:
    """The rows that a task would make where nothing was seen: of its input `data` where it has one."""
    main = taken["data"] if "data" in taken else [mass for masses in taken.values() for mass in masses]
    reads = [mass.read() for mass in main]
    rows, size = sum(r for r, _ in reads), sum(b for _, b in reads)
    operation = ops.find(task.step, task.version)
    bulk = Bulk(rows, size / rows if rows else 0.0)
    if operation.gives is None:
        return bulk
    made = operation.gives(ops.check_params(operation.params, dict(task.params), task.step), bulk)
    return Bulk(min(made.rows, GROWTH * max(rows, size)), made.row_bytes)


def _whole(value: float) -> int:
    """A number that is not less, so that no part is taken to be empty that may hold a row."""
    return min(math.ceil(value), _LARGEST)


def _named(task: CID, name: str) -> CID:
    """A name for an output that nobody has seen: no bytes have it."""
    return CID.make(RAW, f"codata/supposed/1 {task} {name}".encode())
