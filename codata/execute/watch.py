"""One stage on providers: its tasks are handed out, watched, handed out again where that is needed.

All that happens comes as events to one thread, which alone decides. A task may be at several members at once:
the first good receipt counts, and receipts that differ are held against a third.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty
from typing import Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound
from codata.errors import FalseClaim, OutOfResources
from codata.execute.attempts import HOME, Attempts, disagreement
from codata.execute.audit import Lots, Word, blame, judge
from codata.execute.courier import Courier
from codata.execute.dispatch import Dispatch
from codata.execute.errors import InputsGone
from codata.execute.events import Beat, Broke, Ended, Event, Failed, Home, Stopped
from codata.execute.lateness import Lateness
from codata.execute.needs import Need
from codata.execute.rates import Rates
from codata.execute.supply import Supply
from codata.execute.terms import Terms
from codata.execute.worker import Outcome
from codata.ledger import Sealed
from codata.records.receipt import Receipt
from codata.remote.errors import ProviderRefused, ProviderStalled
from codata.remote.member import Member
from codata.remote.pool import Pool

_TICK: Final = 0.2  # seconds between two looks at who is late
_TRIES: Final = 2
"""Executors at which a task fails by itself before it counts as failed."""


class Watch:
    """Runs the tasks of one stage; `report` is told each outcome once, in the thread of `run`."""

    def __init__(
        self,
        pool: Pool,
        supply: Supply,
        courier: Courier,
        needs: Sequence[Need],
        report: Callable[[Outcome], None],
        *,
        terms: Terms,
        lots: Lots,
        rates: Rates,
    ) -> None:
        self._pool, self._supply, self._courier, self._report = pool, supply, courier, report
        self._terms, self._lots, self._rates = terms, lots, rates
        self._left = {need.cid: Attempts(need) for need in needs}
        self._twice: dict[CID, tuple[Attempts, Word]] = {}
        """Tasks that have ended and were somewhere else too, with the word that stands."""
        self._lateness = Lateness(terms.bounds, len(needs))
        self._dispatch = Dispatch(pool, supply, courier, rates, terms, self._lateness)
        self.hedged = 0
        self.evidence: list[Word] = []
        """All words on tasks of which some were false."""
        self.at_home = 0

    def run(self) -> None:
        """Until every task has an outcome, or somebody is found false whose work was used. Raises
        `OwnStoreFailed` where the home itself can't go on.
        """
        self._hand_out(list(self._left.values()))
        looked = time.monotonic()
        while self._left and not self._pool.to_disown():
            with suppress(Empty):
                self._heed(self._courier.events.get(timeout=_TICK))
            # Not before all is heard that came: who was heard of while this thread was held up is not late.
            if time.monotonic() - looked > _TICK and self._courier.events.empty():
                self._look_for_stalls()
                self._look_for_stragglers()
                looked = time.monotonic()

    def _hand_out(self, runs: Sequence[Attempts], *, home: bool = False) -> None:
        for run, error in self._dispatch.hand_out(runs, home=home):
            if len(run.words) > 1:
                self.evidence += () if run.told else run.words
                self._end(Outcome(run.need.cid, error=disagreement(run.words)))
            elif run.words:
                self._accept(run, run.words[0])  # it can't be audited
            else:
                self._end(Outcome(run.need.cid, error=error))

    # -- what happens ----------------------------------------------------------------------------------------

    def _heed(self, event: Event) -> None:
        if isinstance(event, Beat):
            self._lateness.heard(event.member)
        elif isinstance(event, Ended):
            self._ended(event)
        elif isinstance(event, Failed):
            self._failed(event)
        elif isinstance(event, Broke):
            self._gone(event.member, event.tasks)
        elif isinstance(event, Stopped):
            raise event.error
        else:
            self._home_ended(event)

    def _ended(self, event: Ended) -> None:
        member, receipt = event.member, event.receipt
        member.did(receipt.cost)
        for output in receipt.out.values():
            self._pool.note(output.cid, member)
            if output.size:
                self._supply.learn([(output.cid, output.size)])
            else:
                self._supply.learn([(output.cid, receipt.cost.bytes_out // len(receipt.out))])
        run = self._left.get(event.row.task)
        if run is None:
            self._late(event)
            return
        self._rates.add(run.need.task.step, receipt)
        if member.number in run.at:
            self._lateness.ended(run.at.pop(member.number))
        self._said(run, Word(member, receipt, event.row.receipt, event.row))

    def _late(self, event: Ended) -> None:
        """A second receipt of a task that has ended: where it says something else, one of the two is false.
        Both are kept and told, and the task is done once more, to find out which.
        """
        if event.row.task not in self._twice:
            return
        run, stood = self._twice[event.row.task]
        word = Word(event.member, event.receipt, event.row.receipt, event.row)
        if stood.receipt.out == word.receipt.out:
            return
        del self._twice[event.row.task]
        self.evidence += [stood, word]
        other = stood.member.url if stood.member else "this home"
        said = f"{event.member.url} and {other} differ about task {event.row.task}"
        for member in filter(None, (stood.member, event.member)):
            member.remember(FalseClaim(said, cid=event.row.task))
        run.words, run.told = [stood], True
        run.at.clear()
        self._left[event.row.task] = run
        self._courier.over.discard(event.row.task)
        self._said(run, word)

    def _home_ended(self, event: Home) -> None:
        outcome = event.outcome
        run = self._left.get(outcome.task)
        if run is None:
            return
        run.at.pop(HOME, None)
        if outcome.receipt is not None:
            self.at_home += 1
            receipt = Receipt.load(self._supply.store, outcome.receipt)
            self._said(run, Word(None, receipt, outcome.receipt))
            return
        missing = outcome.error.cid if isinstance(outcome.error, BlockNotFound) else None
        if run.need.lazy and missing and self._brought(CID(missing)):
            self._hand_out([run])
        elif missing:
            lost = InputsGone(f"{missing}, an input, is not to be had any more", cid=missing)
            self._end(Outcome(outcome.task, error=lost))
        elif isinstance(outcome.error, OutOfResources) and self._pool.good():
            run.barred[HOME] = f"this home: {outcome.error.message}"
            self._hand_out([run])
        else:
            self._end(outcome)

    def _brought(self, cid: CID) -> bool:
        """Whether something that a task asked for is here now and was not before."""
        if self._supply.here(cid):
            return False
        self._pool.locate([cid])
        try:
            self._supply.bring(cid)
        except BlockNotFound:
            return False
        return True

    def _failed(self, event: Failed) -> None:
        run, member = self._left.get(event.task), event.member
        if run is None:
            return
        run.at.pop(member.number, None)
        if event.lacking:
            # It was said to hold an input, or to be able to fetch it: from now on inputs are pushed to it.
            member.pulls = False
            self._pool.ask_again(run.need.inputs)
            run.retries += 1
        if not event.lacking or run.retries > _TRIES:
            run.failures += not isinstance(event.error, ProviderRefused)
            run.barred[member.number] = event.error.message
            member.remember(event.error)
        spent = run.failures >= _TRIES
        if spent and not run.words:
            self._end(Outcome(event.task, error=event.error))
        elif not run.at:
            # Who fails at an audit says nothing of the word that is there: the home decides, where it may.
            self._hand_out([run], home=spent and self._terms.home and HOME not in run.barred)

    def _gone(self, member: Member, tasks: Iterable[CID]) -> None:
        """A member is given up: what it had not ended goes elsewhere."""
        again: list[Attempts] = []
        for cid in tasks:
            run = self._left.get(cid)
            if run is not None and run.at.pop(member.number, None) is not None and not run.at:
                again.append(run)
        if again:
            self._hand_out(again)

    # -- outcomes --------------------------------------------------------------------------------------------

    def _said(self, run: Attempts, word: Word) -> None:
        """One more word on a task: it stands at once, or is held against another."""
        run.heed(word)
        audited = word.member is not None and len(run.words) == 1 and self._lots.drawn(run.need.cid)
        if len(run.words) == 1 and not audited:
            self._accept(run, word)
            return
        verdict = judge(run.words)
        if verdict.right is not None:
            self._accept(run, verdict.right)
            self.evidence += run.words if verdict.false else ()
            blame(run.need.cid, verdict, run.words)
            return
        dids = {said.receipt.executor for said in run.words}
        for member in self._pool.members:
            if member.offer is not None and member.offer.did in dids:
                run.barred[member.number] = "is being audited"
        if not run.at:
            # A second word comes from another member where there is one; two that differ the home decides.
            self._hand_out([run], home=self._terms.home and len(run.words) > 1)

    def _accept(self, run: Attempts, word: Word) -> None:
        if run.at:
            self._twice[run.need.cid] = (run, word)
        sealed = Sealed(word.row.seal, word.row.index, word.row.proof) if word.row else None
        self._end(Outcome(run.need.cid, word.cid, sealed=sealed))

    def _end(self, outcome: Outcome) -> None:
        run = self._left.pop(outcome.task)
        self._courier.over.add(outcome.task)
        for number in run.at:
            if number != HOME:
                self._pool.dismiss(self._pool.members[number], outcome.task)
        if not run.told:
            self._report(outcome)

    # -- who is late -----------------------------------------------------------------------------------------

    def _look_for_stalls(self) -> None:
        for number in self._lateness.silent(self._left.values()):
            member, patience = self._pool.members[number], self._terms.bounds.patience
            if member.good:
                member.fault(ProviderStalled(f"{member.url} got nowhere for {patience:.0f} seconds"))
            self._gone(member, [cid for cid, run in self._left.items() if number in run.at])

    def _look_for_stragglers(self) -> None:
        late = self._lateness.stragglers(self._left.values())
        for run in late:
            run.hedged = True
        before = {run.need.cid: len(run.at) for run in late}
        if late:
            self._hand_out(late)
        self.hedged += sum(len(run.at) > before[run.need.cid] for run in late if run.need.cid in self._left)
