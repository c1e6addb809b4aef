"""What a provider holds, for people: names, datasets, runs, and how far runs were verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from codata.home import Home
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run

MAX_NAMES: Final = 500
MAX_RUNS: Final = 100
MAX_ATTESTATIONS: Final = 20
MAX_VERDICTS: Final = 20_000
"""Verdicts of a run that are read for its coverage; of more, the largest attestation counts alone."""


@dataclass(frozen=True, slots=True)
class Named:
    """A name, what it stands for, and how much of it there is."""

    name: str
    cid: CID
    about: str


@dataclass(frozen=True, slots=True)
class Word:
    """What one verifier says of a run."""

    verifier: str
    verdict: str
    checked: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run. `covered`: tasks of `tasks` that any verifier ran again."""

    cid: CID
    steps: tuple[str, ...]
    outputs: dict[str, CID]
    tasks: int
    covered: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows. `names` and `runs` are the first of as many as `all_names` and `all_runs` say."""

    names: tuple[Named, ...]
    runs: tuple[RunFacts, ...]
    all_names: int
    all_runs: int


def collect(home: Home) -> Facts:
    """The facts as they are now."""
    names, runs = home.names.all(), home.ledger.runs()
    shown = [Named(name, cid, _about(home, cid)) for name, cid in list(names.items())[:MAX_NAMES]]
    latest = [facts for run in reversed(runs[-MAX_RUNS:]) if (facts := _run(home, run)) is not None]
    return Facts(tuple(shown), tuple(latest), len(names), len(runs))


def _about(home: Home, cid: CID) -> str:
    try:
        kind = kind_of(home.store, cid)
        if kind == Manifest.kind:
            manifest = Manifest.load(home.store, cid)
            return f"dataset: {manifest.rows:,} rows, {manifest.count:,} shards, {manifest.size:,} bytes"
        return kind.partition("/")[0] if kind else "files"
    except BlockNotFound:
        return "not held here"
    except CidStoreError:
        return "can't be read"


def _run(home: Home, cid: CID) -> RunFacts | None:
    """None for a run that this store does not hold."""
    try:
        record = Run.load(home.store, cid)
        steps = tuple(call.step for call in Job.load(home.store, record.job).steps)
        said = [Attestation.load(home.store, a) for a in home.ledger.attestations(cid)[:MAX_ATTESTATIONS]]
        covered = _covered(home, said)
    except CidStoreError:
        return None
    words = tuple(Word(a.verifier, a.verdict, a.checked) for a in said)
    return RunFacts(cid, steps, dict(record.outputs), record.count, min(covered, record.count), words)


def _covered(home: Home, said: Sequence[Attestation]) -> int:
    """How many distinct tasks were run again, by all verifiers together."""
    if sum(a.checked for a in said) > MAX_VERDICTS:
        return max(a.checked for a in said)
    tasks: set[object] = set()
    for attestation in said:
        for value in pages.items(home.store, attestation.verdicts):
            if isinstance(value, dict) and value.get("verdict") != "not checkable":
                tasks.add(value.get("task"))
    return len(tasks)
