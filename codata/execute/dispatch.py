"""Handing out: tasks of a stage are placed, and go to members or to the home."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cid_store.errors import CidStoreError
from codata.execute.assign import assign
from codata.execute.attempts import HOME, Attempts
from codata.execute.courier import Courier
from codata.execute.errands import Errand, errands_of
from codata.execute.errors import InputsGone
from codata.execute.lateness import Lateness
from codata.execute.rates import Rates
from codata.execute.supply import Supply
from codata.execute.terms import Terms
from codata.provider.held import held
from codata.remote.errors import NoPlace
from codata.remote.pool import Pool

Stranded = tuple[Attempts, CidStoreError]
"""A task that can go nowhere, and why."""


class Dispatch:
    """Sends tasks where they belong, as often as they are given to it."""

    def __init__(
        self, pool: Pool, supply: Supply, courier: Courier, rates: Rates, terms: Terms, lateness: Lateness
    ) -> None:
        self._pool, self._supply, self._courier = pool, supply, courier
        self._rates, self._terms, self._lateness = rates, terms, lateness

    def hand_out(self, runs: Sequence[Attempts], *, home: bool = False) -> list[Stranded]:
        """Place tasks and start their errands; with `home`, at home. Returns those that can go nowhere, but
        for those that are somewhere already: these only lack a second place.
        """
        here = [run for run in runs if run.need.lazy or home]
        away = [run for run in runs if not (run.need.lazy or home)]
        errands: list[Errand] = []
        stranded: list[Stranded] = []
        if away:
            self._pool.locate(cid for run in away for cid in run.need.inputs)
            away, stranded = self._with_inputs(away)
            errands, left = self._placed(away)
            for run, error in left:
                if self._terms.home and HOME not in run.barred:
                    here.append(run)
                else:
                    stranded.append((run, error))
        now, at = time.monotonic(), {run.need.cid: run.at for run in runs}
        for errand in errands:
            self._lateness.heard(errand.member)
            for need in errand.needs:
                at[need.cid][errand.member.number] = now
        for run in here:
            run.at[HOME] = now
        self._courier.start(errands, [run.need for run in here])
        return stranded

    def _with_inputs(self, runs: Sequence[Attempts]) -> tuple[list[Attempts], list[Stranded]]:
        """Those whose inputs somebody holds, and the others, which wait for nobody."""
        alone = dict.fromkeys(cid for run in runs for cid in run.need.inputs if not self._pool.holders(cid))
        lost = {cid for cid, here in zip(alone, held(self._supply.store, alone), strict=True) if not here}
        found: list[Attempts] = []
        stranded: list[Stranded] = []
        for run in runs:
            gone = next((cid for cid in run.need.inputs if cid in lost), None)
            if gone is None:
                found.append(run)
            elif not run.at:
                said = f"{gone}, an input, went with the provider that held it"
                stranded.append((run, InputsGone(said, cid=gone)))
        return found, stranded

    def _placed(self, runs: Sequence[Attempts]) -> tuple[list[Errand], list[Stranded]]:
        """The errands of those that members can run, and those that none can and none has."""
        barred = {run.need.cid: {**run.barred, **dict.fromkeys(run.at, "has it already")} for run in runs}
        needs = [run.need for run in runs]
        found = assign(self._pool, needs, self._supply.size, self._rates, self._terms.wish, barred)
        errands = list(errands_of(self._pool, self._supply, found, needs))
        left = [run for run in runs if run.need.cid not in found.where and not run.at]
        return errands, [(run, _no_place(run, found.reasons[run.need.cid])) for run in left]


def _no_place(run: Attempts, reasons: Sequence[str]) -> NoPlace:
    why = "; ".join([*reasons, *([run.barred[HOME]] if HOME in run.barred else [])])
    return NoPlace(f"nobody can run it: {why or 'no providers'}", cid=run.need.cid)
