"""The executor for providers: machines of other owners, none of which is believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from threading import Lock

from cid_store.cid import CID
from cid_store.errors import BlockNotFound
from codata.estimate import Estimate
from codata.execute.account import Account, Cost, Did, Fault, StageCost
from codata.execute.audit import Lots, Word
from codata.execute.courier import Courier
from codata.execute.errors import Distrusted
from codata.execute.executors import Embedded, Executor, Report
from codata.execute.forecast import forecast
from codata.execute.known import all_outputs
from codata.execute.needs import need_of
from codata.execute.preview import Preview
from codata.execute.rates import Rates
from codata.execute.supply import Supply
from codata.execute.terms import Terms
from codata.execute.watch import Watch
from codata.execute.worker import Outcome
from codata.home import Home
from codata.ledger import Sealed
from codata.records.job import Job
from codata.remote.member import Member
from codata.remote.pool import Pool
from codata.remote.proof import Taker


class Providers(Executor):
    """Tasks go to the providers at `urls`, each to where most of its inputs are (docs/spec/placement.md)."""

    elsewhere = True

    def __init__(
        self,
        home: Home,
        urls: Sequence[str],
        terms: Terms | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._home, self._terms, self._tell = home, terms or Terms(), tell
        self.pool = Pool(urls, home.identity, tell, silence=self._terms.silence)
        self.supply = Supply(home, self.pool)
        self._own = Embedded(self._terms.workers)
        self._own_turn = Lock()
        self._lots = Lots(self._terms.audit)
        self.rates = Rates.of(home)
        self._takers: dict[int, Taker] = {}
        self._began = time.perf_counter()
        self._foreseen: Preview | None = None
        self._stage = ""
        self._stages: dict[str, Cost] = {}
        """What each stage came to."""
        self._hedged = self._at_home = 0
        self._fresh = False

    def begin(self, job: Job, inputs: Mapping[str, CID]) -> None:
        """Foresee a run, for what comes of it to be held against that. One that can't be foreseen goes on."""
        try:
            self._foreseen = self.foresee(job, inputs, bounds=False)[1]
        except Exception as e:  # noqa: BLE001 - a forecast asks operations and holders what a run need not
            self._tell(f"what the run will take is not foreseen: {type(e).__name__}: {e}")
        self._began = time.perf_counter()

    def stage(self, name: str) -> None:
        """The tasks that come next are of this stage."""
        self._stage = name

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        """Run each task of the home's store at a provider, or here where none can. Raises `Distrusted` where
        a provider whose work counted so far is found false.
        """
        self._renew()

        def at_home(cids: Sequence[CID], told: Callable[[Outcome], None]) -> None:
            with self._own_turn:
                if cids:
                    self._own.run(cids, url, executor, told)

        courier = Courier(self.supply, self._taker, at_home)
        needs = [need_of(self._home.store, cid) for cid in tasks]
        watch = Watch(
            self.pool,
            self.supply,
            courier,
            needs,
            report,
            terms=self._terms,
            lots=self._lots,
            rates=self.rates,
        )
        before = self._spent()
        try:
            watch.run()
        finally:
            self._stages[self._stage] = self._stages.get(self._stage, Cost()) + (self._spent() - before)
            courier.over.update(tasks)
            courier.leave()
            self._fresh = False
            self._keep_evidence(watch.evidence)
            self._hedged += watch.hedged
            self._at_home += watch.at_home
        self._disown()

    def holds(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these some provider says it holds."""
        self._renew()
        self.pool.locate(cids)
        return [bool(self.pool.holders(cid)) for cid in cids]

    def foresee(
        self, job: Job, inputs: Mapping[str, CID], *, bounds: bool = True
    ) -> tuple[Estimate, Preview]:
        """The stages of a run, where their tasks would run, and what that would take. Nothing runs or
        moves.
        """
        self._renew()
        asked = self._home, job, inputs, self.pool, self.supply, self.rates, self._terms
        return forecast(*asked, bounds=bounds)

    def fetch(self, cids: Sequence[CID]) -> list[CID]:
        """Bring results home, every block proven; returns what no provider gives."""
        self._renew()
        lacking = [cid for cid in dict.fromkeys(cids) if not self.supply.here(cid)]
        self.pool.locate(lacking)
        lost: list[CID] = []
        for cid in lacking:
            try:
                self.supply.bring(cid, result=True)
            except BlockNotFound:
                lost.append(cid)
        self._disown()
        return lost

    def close(self) -> None:
        """Leave the providers; what they computed stays with them until it expires."""
        self._own.close()
        self.pool.close()

    def account(self) -> Account:
        """What the work came to so far."""
        foreseen: dict[str, Cost] = {}
        for stage in self._foreseen.stages if self._foreseen else ():
            foreseen[stage.name] = foreseen.get(stage.name, Cost()) + stage.cost
        return Account(
            bytes_moved=self.supply.moved,
            bytes_fetched=self.supply.fetched,
            at_home=self._at_home,
            hedged=self._hedged,
            providers=tuple(_did(m) for m in self.pool.members),
            predicted=self._foreseen.cost if self._foreseen else None,
            actual=self._spent(),
            stages=tuple(
                StageCost(name, foreseen.get(name), self._stages.get(name))
                for name in dict.fromkeys([*foreseen, *self._stages])
            ),
        )

    def _spent(self) -> Cost:
        """Since the run began."""
        price = sum((m.price for m in self.pool.members), Decimal(0))
        seconds = time.perf_counter() - self._began
        return Cost(seconds, price, self.supply.moved, self.supply.fetched)

    def _renew(self) -> None:
        """Ask who is there, once a stage."""
        if not self._fresh:
            self.pool.renew()
            self._fresh = True

    def _taker(self, member: Member) -> Taker:
        if member.number not in self._takers:
            self._takers[member.number] = Taker(member.client, member.terms.did, self._home.store)
        return self._takers[member.number]

    def _keep_evidence(self, words: Sequence[Word]) -> None:
        """Words on tasks that contradict each other stay in the ledger, and `gc` does not take them."""
        for word in words:
            receipt, row = word.receipt, word.row
            self._home.ledger.record(receipt.task, word.cid, receipt.executor, all_outputs(receipt))
            kept = [receipt.task, word.cid, receipt.environment]
            if row is not None:
                self._home.ledger.seal([(word.cid, Sealed(row.seal, row.index, row.proof))])
                kept.append(row.seal)
            for cid in kept:
                self._home.keeper.pin(cid, "direct", f"evidence on task {receipt.task}")

    def _disown(self) -> None:
        """Put aside the work of one who was found false."""
        member = self.pool.to_disown()
        if member is None:
            return
        member.disowned = True
        raise Distrusted(member.why, did=member.terms.did)


def _did(member: Member) -> Did:
    return Did(
        url=member.url,
        did=member.offer.did if member.offer else None,
        word=member.word,
        tasks=member.tasks,
        cpu_seconds=member.cpu_us / 1e6,
        price=member.price,
        bytes_sent=member.bytes_sent,
        audited=member.audited,
        faults=tuple(
            Fault(error.kind, error.message, error.cid, tuple(map(str, evidence)))
            for error, evidence in member.faults
        ),
    )
