"""A task on a worker that may lack what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final

from distributed import get_worker
from distributed.utils import sync

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.cluster.shelf import NAME, Shelf, own_store, pull, shelf
from codata.execute.errors import InputsGone
from codata.execute.worker import Outcome, work
from codata.provider.held import held

Sources = Sequence[tuple[str, Sequence[str]]]
"""What a task reads, and the addresses of workers that hold it, the best first."""

_bringing: Final = Lock()
"""One task brings at a time: two that lack the same input do not fetch it twice."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a task, where, and how many bytes were brought there for it."""

    outcome: Outcome
    address: str
    moved: int = 0


def work_there(url: str, task: str, executor: str, sources: Sources) -> Ran:
    """Bring what this worker lacks of `sources`, and perform the task."""
    worker = get_worker()
    moved = 0
    try:
        with _bringing:
            for cid, addresses in _lacking(url, sources):
                moved += _bring(url, cid, [a for a in addresses if a != worker.address])
    except CidStoreError as e:
        return Ran(Outcome(CID(task), error=InputsGone(e.message, cid=e.cid)), worker.address, moved)
    outcome = work(own_store() or url, task, executor)
    return Ran(_portable(outcome), worker.address, moved)


def _lacking(url: str, sources: Sources) -> list[tuple[CID, Sequence[str]]]:
    cids = [CID(cid) for cid, _ in sources]
    here = held(shelf(url), cids)
    return [(c, who) for c, (_, who), h in zip(cids, sources, here, strict=True) if not h]


def _bring(url: str, cid: CID, addresses: Sequence[str]) -> int:
    """From the first that gives it; raises `InputsGone`."""
    said = "no worker is known to hold it"
    for address in addresses:
        try:
            return pull(lambda answer, a=address, **asked: _ask(a, answer, asked), url, cid, shelf(url))
        except (CidStoreError, OSError) as e:
            said = f"{address}: {e}"
    raise InputsGone(f"{cid} can't be brought here: {said}", cid=cid)


def _ask(address: str, answer: str, asked: dict[str, Any]) -> Any:
    worker = get_worker()

    plugin = worker.plugins[NAME]
    assert isinstance(plugin, Shelf)
    return sync(worker.loop, plugin.peers.ask, address, answer, asked)


def _portable(outcome: Outcome) -> Outcome:
    """An error without its causes, which may be of no kind that the client has."""
    if outcome.error is not None:
        outcome.error.__cause__ = outcome.error.__context__ = None
    return replace(outcome)
