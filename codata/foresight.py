"""A run before it runs: its plan, driven by receipts as far as work is known and by supposed ones beyond."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from cid_store.stores.memory import MemoryStore
from cid_store.stores.overlay import OverlayStore
from codata.execute.known import Cache, small_outputs
from codata.execute.shapes import Shapes
from codata.execute.suppose import BASES, Supposer
from codata.home import Home
from codata.plan.plan import plan
from codata.plan.stage import Planner
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.receipt import Receipt
from codata.records.run import MAX_TASKS
from codata.records.task import Task
from codata.table import cutter

_SHARD: Final = cutter.NORMAL * 15 // 16
"""Bytes of a shard to come. Not those of an average one: cuts of parts that are as large would seem to fall
between them."""


@dataclass(frozen=True)
class Foreseen:
    """A stage to come. `todo`: its tasks that are not done yet, by CID; `sizes`: what the bytes that they
    read rest on, one of `BASES`.

    Tasks of a stage that is not `known` read what does not exist: their CIDs are not those that will run.
    """

    name: str
    tasks: int
    todo: Mapping[CID, Task]
    sizes: str

    @property
    def known(self) -> bool:
        """Whether all that it reads exists, so that its tasks are those of the run."""
        return self.sizes == BASES[0]


class Foresight:
    """A job's stages to come. Nothing runs, and nothing is kept.

    `size` gives the bytes of inputs that exist. `most`: suppose that every row stays and that shards are as
    small as they can be, so that stages have the most tasks.
    """

    def __init__(
        self,
        home: Home,
        job: Job,
        inputs: Mapping[str, CID],
        size: Callable[[CID], int],
        *,
        most: bool = False,
    ) -> None:
        self.store = OverlayStore(MemoryStore(), home.store)
        self._cache, self._ledger, self._size = Cache(home), home.ledger, size
        self._job, self._inputs = job, inputs
        self._supposer = Supposer(
            self.store, size, None if most else Shapes.of(home), cutter.LEAST if most else _SHARD
        )
        self.ends: str | None = None
        """Why nothing is foreseen beyond the last stage, where that is not the end of the run."""
        self.results: tuple[CID, ...] = ()
        """The shards of all outputs."""

    def stages(self) -> Iterator[Foreseen]:
        """The stages in order. What a stage's tasks would give is known once the next one is asked for."""
        self._learn()
        plan_ = plan(self._job, self._inputs, Planner(self.store))
        send: list[Receipt] | None = None
        last, count, supposed = "the beginning", 0, False
        while True:
            try:
                stage = next(plan_) if send is None else plan_.send(send)
            except StopIteration as end:
                self.results = self._shards(end.value.values())
                return
            except (CidStoreError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                if not supposed:
                    raise
                self.ends = f"how it goes on after {last!r} depends on what that stage gives"
                return
            count, last = count + len(stage.tasks), stage.name
            if count > MAX_TASKS:
                self.ends = f"{last!r} would bring the run to {count} tasks; it may have {MAX_TASKS}"
                return
            cids = [task.cid for task in stage.tasks]
            tasks = dict(zip(cids, stage.tasks, strict=True))
            known = self._cache.look(cid for cid, task in tasks.items() if self._named(task)).known
            todo = {cid: task for cid, task in tasks.items() if cid not in known}
            for cid, (_, receipt) in known.items():
                self._supposer.take(cid, tasks[cid], receipt)
            basis = max(map(self._supposer.basis, todo.values()), default=0)
            yield Foreseen(stage.name, len(tasks), todo, BASES[basis])
            supposed = supposed or bool(todo)
            receipts = {cid: receipt for cid, (_, receipt) in known.items()}
            receipts |= {cid: self._supposed(cid, task) for cid, task in todo.items()}
            send = [receipts[cid] for cid in cids]

    def _named(self, task: Task) -> bool:
        """Whether a task reads no placeholder, so that others may have done it."""
        return all(self._supposer.named(c) for name in task.inputs for c in task.input_cids(self.store, name))

    def _supposed(self, cid: CID, task: Task) -> Receipt:
        """About what a task would give: what somebody says, whom nobody need believe for that, or else."""
        for known, _ in self._ledger.receipts(cid) if self._named(task) else ():
            with suppress(CidStoreError):
                receipt = Receipt.load(self.store, known)
                if all(self.store.has_many(small_outputs(receipt))):
                    self._supposer.take(cid, task, receipt, believed=False)
                    return receipt
        return self._supposer.receipt(cid, task)

    def size(self, cid: CID) -> int:
        """Bytes of what exists or would be made."""
        return self._supposer.mass(cid).size if self.maker(cid) else self._size(cid)

    def maker(self, cid: CID) -> CID | None:
        """The task to come that would make this; None for what is given."""
        return self._supposer.maker(cid)

    def named(self, cid: CID) -> bool:
        """Whether this is the CID of bytes that are or were somewhere, and no placeholder."""
        return self._supposer.named(cid)

    def _learn(self) -> None:
        for root in self._inputs.values():
            if kind_of(self.store, root) == Manifest.kind:
                for ref in Manifest.load(self.store, root).refs(self.store):
                    self._supposer.learn(ref.cid, ref.rows)

    def _shards(self, roots: Iterable[CID]) -> tuple[CID, ...]:
        manifests = (Manifest.load(self.store, root) for root in roots)
        return tuple(dict.fromkeys(ref.cid for m in manifests for ref in m.refs(self.store)))
