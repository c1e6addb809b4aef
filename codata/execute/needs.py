"""What a task needs to be where it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.walk import links_of
from codata import ops
from codata.closure import PAGE, links
from codata.records import pages
from codata.records.base import kind_of
from codata.records.task import Task


@dataclass(frozen=True)
class Need:
    """A task, its inputs (each once, files in parameters among them), and the blocks that say what they are.

    `lazy`: few of its inputs will be read, so that they are not listed; it runs where the plan is made.
    """

    cid: CID
    task: Task
    inputs: tuple[CID, ...]
    records: tuple[CID, ...]
    lazy: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What providers allow or not."""
        return names_in(self.task)


def names_in(task: Task) -> tuple[str, ...]:
    """A task's operation, and the steps within `rows`."""
    steps = task.params.get("steps")
    inner = [c.get("step") for c in steps if isinstance(c, dict)] if isinstance(steps, list) else []
    return (task.step, *(name for name in inner if isinstance(name, str)))


def need_of(store: Store, cid: CID) -> Need:
    """What the task of this CID needs; raises what `Task.load` raises."""
    return need_of_task(store, Task.load(store, cid))


def need_of_task(store: Store, task: Task) -> Need:
    """What a task needs, whose long lists are in `store`."""
    cid = task.cid
    lazy = ops.find(task.step, task.version).lazy
    inputs = dict.fromkeys(links(dict(task.params)))
    records = [cid]
    for name, value in task.inputs.items():
        if isinstance(value, CID):
            records += pages.cids(store, value)
        if name not in lazy:
            inputs |= dict.fromkeys(task.input_cids(store, name))
    return Need(cid, task, tuple(inputs), tuple(records), bool(lazy))


def blocks_of(store: Store, cid: CID) -> Iterator[Block]:
    """The blocks of an input, what is below a node before it: who holds the root then holds all.

    Of a node these are itself and, of a list, its pages: what they link to is another input.
    """
    yield from store.get_many(names_of(store, cid))


def names_of(store: Store, cid: CID) -> list[CID]:
    """The names of these blocks. Leaves of files are not read for it."""
    if cid.codec == DAG_CBOR:
        return list(pages.cids(store, cid))[::-1] if kind_of(store, cid) == PAGE else [cid]
    found: dict[CID, None] = {}
    pending = [cid]
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = None
            pending += links_of(name, store.get(name)) if name.codec != RAW else ()
    return list(found)[::-1]
