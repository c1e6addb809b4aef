"""What a provider holds, for people: names, datasets, runs, and how far runs were verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from codata.attested import attested, coverage
from codata.home import Home
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run

MAX_NAMES: Final = 500
MAX_RUNS: Final = 100
MAX_WORDS: Final = 20


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
    """A run. `covered`: tasks of `tasks` that some verifier ran again and found right."""

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


class Collector:
    """The facts of a home. What was found of a run is kept: it changes with the words on it alone."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[tuple[CID, ...], RunFacts] = {}

    def collect(self) -> Facts:
        """The facts as they are now."""
        home = self._home
        names, runs = home.names.all(), home.ledger.runs()
        shown = [Named(name, cid, _about(home, cid)) for name, cid in list(names.items())[:MAX_NAMES]]
        known: dict[tuple[CID, ...], RunFacts] = {}
        for run in reversed(runs[-MAX_RUNS:]):
            key = (run, *home.ledger.attestations(run))
            facts = self._known.get(key) or _run(home, run)
            if facts is not None:
                known[key] = facts
        self._known = known
        return Facts(tuple(shown), tuple(known.values()), len(names), len(runs))


def _about(home: Home, cid: CID) -> str:
    try:
        kind = kind_of(home.store, cid)
        if kind == Manifest.kind:
            manifest = Manifest.load(home.store, cid)
            return f"dataset: rows {manifest.rows:,}, shards {manifest.count:,}, bytes {manifest.size:,}"
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
        said = [word.record for word in attested(home, cid)]
        covered, _ = coverage(home, cid)
    except CidStoreError:
        return None
    words = tuple(Word(a.verifier, a.verdict, a.checked) for a in said[:MAX_WORDS])
    return RunFacts(cid, steps, dict(record.outputs), record.count, min(covered, record.count), words)
