"""The executor that gives a stage to a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR
from cid_store.errors import BlockNotFound, CidStoreError
from codata.errors import TaskFailed
from codata.execute.account import Account
from codata.execute.cluster.connection import Connection
from codata.execute.cluster.peers import Gone
from codata.execute.cluster.plugin import ANNOTATION
from codata.execute.cluster.shelf import pull, push, size_of
from codata.execute.cluster.task import Ran, work_there
from codata.execute.cluster.whereabouts import Whereabouts, best
from codata.execute.errors import InputsGone
from codata.execute.executors import Executor, Report, keys_of, node
from codata.execute.known import all_outputs, small_outputs
from codata.execute.needs import Need, blocks_of, need_of
from codata.execute.worker import Outcome, opened, release, work
from codata.provider.held import held
from codata.records.receipt import Receipt

_ASKED: Final = 10_000
"""Inputs that workers are asked about in one message."""

_BROUGHT: Final = 16
"""Parts that a task which runs here may ask for, one after another."""


class Cluster(Executor):
    """An existing Dask scheduler with its workers: machines that trust each other and have the same packages.

    Workers have stores of their own, or all see the home's. `store`: the home's URL, where something
    may be asked for before a stage has run; `tls`: paths of CA, certificate and key.
    """

    def __init__(
        self,
        address: str,
        *,
        store: str = "",
        tls: tuple[str, str, str] | None = None,
        timeout: float = 10,
    ) -> None:
        self._to = Connection(address, tls, timeout)
        self._where = Whereabouts()
        self._url = store
        self._moved = self._fetched = 0

    def close(self) -> None:
        """Leave the cluster; it goes on."""
        release()
        self._to.close()

    def wait(self, workers: int) -> None:
        """Wait until so many workers are there; raises `TaskFailed` where they do not come."""
        self._to.wait(workers)

    def workers(self) -> Mapping[str, int]:
        """The addresses of the workers, and how many tasks each runs at once."""
        return self._to.threads()

    def account(self) -> Account:
        """Bytes that were brought to where tasks ran, and home."""
        return Account(bytes_moved=self._moved, bytes_fetched=self._fetched)

    # -- tasks -----------------------------------------------------------------------------------------------

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        """Run the stage on the cluster; a lost worker's tasks are run again by Dask."""
        self._url = url
        if self._to.apart:
            self._run_apart(tasks, executor, report)
            return
        keys = keys_of(tasks, url, executor)
        graph = {key: node(key, work, url, str(cid), executor) for key, cid in keys.items()}
        for cid, result in self._ended(graph, keys, {}):
            report(Outcome(cid, error=result) if isinstance(result, TaskFailed) else result)

    def _run_apart(self, tasks: Sequence[CID], executor: str, report: Report) -> None:
        home = opened(self._url)
        needs = {need.cid: need for need in (need_of(home, cid) for cid in tasks)}
        away = [need for need in needs.values() if not need.lazy]
        self._ask(cid for need in away for cid in need.inputs)
        self._measure(home, away)
        chosen = self.choose(away)
        self._send(home, away, chosen)
        keys = keys_of([need.cid for need in away], self._url, executor)
        graph = {
            key: node(key, work_there, self._url, str(cid), executor, self._sources(needs[cid]))
            for key, cid in keys.items()
        }
        holders = {key: chosen[cid] for key, cid in keys.items()}
        for cid, result in self._ended(graph, keys, holders):
            ran = Ran(Outcome(cid, error=result), "") if isinstance(result, TaskFailed) else result
            self._moved += ran.moved
            report(self._home(home, needs[cid], ran))
        for need in needs.values():
            if need.lazy:
                report(self._work_here(need, executor))

    def choose(self, needs: Sequence[Need]) -> Mapping[CID, Sequence[str]]:
        """Which workers should run each task."""
        return best(needs, self._where, self.workers())

    def _ended(
        self, graph: Mapping[str, Any], keys: Mapping[str, CID], holders: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[CID, Any]]:
        """Give Dask the graph; each task as it ends, with what it returned or why it failed."""
        import dask
        from distributed import as_completed

        client = self._to.client
        with dask.annotate(**{ANNOTATION: holders.get} if holders else {}):  # type: ignore[attr-defined]
            futures = client.get(graph, list(keys), sync=False)  # type: ignore[no-untyped-call]
        for future in as_completed(futures, loop=client.loop, raise_errors=False):  # type: ignore[no-untyped-call]
            cid = keys[str(future.key)]
            error = future.exception()  # waits where a result went with its worker and is made again
            if error is None:
                yield cid, future.result()
            else:
                yield cid, TaskFailed(f"task {cid} failed on the cluster: {error}", cid=cid)
            future.release()

    def _work_here(self, need: Need, executor: str) -> Outcome:
        """A task that reads little of its inputs: what it asks for is brought."""
        for _ in range(_BROUGHT):
            outcome = work(self._url, str(need.cid), executor)
            lacks = outcome.error.cid if isinstance(outcome.error, BlockNotFound) else None
            if lacks is None or self.fetch([CID(lacks)]):
                break
        return outcome

    # -- what is where ---------------------------------------------------------------------------------------

    def holds(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these some worker holds."""
        if not self._to.apart:
            return [False] * len(cids)
        self._ask(cids)
        return [bool(self._where.holders(cid)) for cid in cids]

    def fetch(self, cids: Sequence[CID]) -> list[CID]:
        """Bring what workers hold to the home's store; returns what none of them gave."""
        if not self._to.apart or not self._url:
            return []
        home = opened(self._url)
        wanted = [cid for cid, here in zip(cids, held(home, cids), strict=True) if not here]
        self._ask(wanted)
        return [cid for cid in wanted if not self._bring(home, cid, self._where.holders(cid))]

    def _ask(self, cids: Iterable[CID]) -> None:
        """Ask every worker about what nobody was asked about yet."""
        threads = self._to.threads()
        self._where.keep(threads)
        asked = self._where.unknown(cids)
        for start in range(0, len(asked), _ASKED):
            batch = asked[start : start + _ASKED]
            names = [str(cid) for cid in batch]
            self._where.learn(batch, self._to.ask_all("codata_sizes", threads, url=self._url, cids=names))

    def _measure(self, home: Store, needs: Sequence[Need]) -> None:
        """How large that is which only the home holds."""
        for cid in dict.fromkeys(cid for need in needs for cid in need.inputs):
            if not self._where.holders(cid):
                self._where.measure(cid, size_of(home, cid))

    def _sources(self, need: Need) -> list[tuple[str, list[str]]]:
        return [(str(cid), self._where.holders(cid)) for cid in (*need.records, *need.inputs)]

    # -- moving ----------------------------------------------------------------------------------------------

    def _send(self, home: Store, needs: Sequence[Need], chosen: Mapping[CID, Sequence[str]]) -> None:
        """Records to where their tasks may run; inputs that no worker holds to the first of these."""
        records: dict[str, dict[CID, None]] = {}
        for need in needs:
            for address in chosen[need.cid]:
                records.setdefault(address, {}).update(dict.fromkeys(need.records))
            first = chosen[need.cid][0]
            for cid in need.inputs:
                if not self._where.holders(cid) and (size := self._push(first, [cid], blocks_of(home, cid))):
                    self._moved += 0 if cid.codec == DAG_CBOR else size
        for address, cids in records.items():
            self._push(address, cids, home.get_many(cids))

    def _push(self, address: str, cids: Iterable[CID], blocks: Iterable[Block]) -> int:
        """Send these to a worker; returns their bytes. Where it has left, its tasks say what they lack."""
        try:
            size = push(self._to.asking(address), self._url, list(blocks))
        except Gone:
            return 0
        for cid in cids:
            self._where.add(cid, address)
        return size

    def _home(self, home: Store, need: Need, ran: Ran) -> Outcome:
        """Bring the receipt and what plans read; note where the rest is. An outcome that the plan can use."""
        outcome = ran.outcome
        if outcome.receipt is None:
            self._where.forget((*need.records, *need.inputs))  # some of it may be gone
            return outcome
        for cid in need.inputs:
            self._where.add(cid, ran.address)
        if not self._bring(home, outcome.receipt, [ran.address]):
            return _gone(need.cid, ran.address)
        receipt = Receipt.load(home, outcome.receipt)
        for cid in (receipt.environment, *small_outputs(receipt)):
            if not self._bring(home, cid, [ran.address]):
                return _gone(need.cid, ran.address)
        self._where.forget(all_outputs(receipt))  # others may have it too: they are asked when it is read
        return outcome

    def _bring(self, home: Store, cid: CID, addresses: Sequence[str]) -> bool:
        """Bring an input or result here, counting files; False where none of these gives it."""
        for address in addresses:
            try:
                size = pull(self._to.asking(address), self._url, cid, home)
            except (CidStoreError, OSError):
                continue
            self._fetched += 0 if cid.codec == DAG_CBOR else size
            return True
        return False


def _gone(task: CID, address: str) -> Outcome:
    return Outcome(task, error=InputsGone(f"{address} left with what task {task} gave", cid=task))
