"""What verifiers said of a run, as far as they signed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.home import Home
from codata.records import pages
from codata.records.attestation import Attestation
from codata.verify.verify import check_attestation


@dataclass(frozen=True)
class Attested:
    """One attestation whose signature holds."""

    cid: CID
    record: Attestation

    @property
    def text(self) -> str:
        """For people."""
        a = self.record
        return f"{a.verdict}: {a.checked} of {a.tasks} tasks run again by {a.verifier}"

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        a = self.record
        return {
            "cid": self.cid,
            "verifier": a.verifier,
            "verdict": a.verdict,
            "tasks": a.tasks,
            "checked": a.checked,
            "method": a.sample.get("method"),
        }


def attested(home: Home, run: CID) -> list[Attested]:
    """The attestations of a run that are here, speak of it, and are signed by the verifier that they name."""
    found = []
    for cid in home.ledger.attestations(run):
        try:
            record = Attestation.load(home.store, cid)
            check_attestation(record)
        except CidStoreError:
            continue  # gone, damaged or forged: nobody's word
        if record.run == run:
            found.append(Attested(cid, record))
    return found


def coverage(home: Home, run: CID) -> tuple[int, int]:
    """How many of the run's distinct tasks at least one verifier ran again and found right, and how many
    there are.

    Several verifiers' samples add up to coverage, never to confidence.
    """
    seen: set[object] = set()
    tasks = 0
    for word in attested(home, run):
        tasks = max(tasks, word.record.tasks)
        for verdict in pages.items(home.store, word.record.verdicts):
            if isinstance(verdict, dict) and verdict.get("verdict") in ("identical", "equal"):
                seen.add(verdict.get("task"))
    return len(seen), tasks
