"""What a provider holds and does, for people: datasets, work, runs, and how far runs were verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.attested import Attested, attested, coverage
from codata.home import Home
from codata.provider.page.things import Thing, names_of, thing
from codata.provider.pins.table import Totals
from codata.records.job import Job
from codata.records.run import Run

MAX_NAMES: Final = 500
MAX_RUNS: Final = 100
MAX_WORDS: Final = 20
MAX_TIES: Final = 20
"""Inputs and outputs of a run that are looked at."""

FINAL_STATES: Final = frozenset(("done", "failed", "cancelled", "refused"))


@dataclass(frozen=True, slots=True)
class Named:
    """A name and what it stands for."""

    name: str
    thing: Thing


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run. `covered`: tasks of `tasks` that some verifier ran again and found right. `ties`: how many
    inputs and outputs it has."""

    cid: CID
    name: str
    steps: tuple[str, ...]
    inputs: tuple[tuple[str, Thing], ...]
    outputs: tuple[tuple[str, Thing], ...]
    ties: int
    tasks: int
    covered: int
    words: tuple[Attested, ...]


Clients = Mapping[str, Mapping[str, int]]
"""For each DID whose tasks are here, how many are in which state."""


@dataclass(frozen=True, slots=True)
class Client:
    """Whose tasks are here: how many are in which state."""

    did: str
    states: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of its tasks."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """Those that have ended, however they did."""
        return sum(n for state, n in self.states.items() if state in FINAL_STATES)


@dataclass(frozen=True, slots=True)
class Queue:
    """Tasks that others sent here."""

    clients: tuple[Client, ...] = ()

    @classmethod
    def of(cls, clients: Clients) -> Queue:
        """The queue of these clients: those with most tasks first, and no state that no task is in."""
        found = (Client(did, {s: n for s, n in states.items() if n}) for did, states in clients.items())
        return cls(tuple(sorted(found, key=lambda client: (-client.total, client.did))))

    @property
    def states(self) -> dict[str, int]:
        """Tasks by state, over all clients."""
        total: dict[str, int] = {}
        for client in self.clients:
            for state, count in client.states.items():
                total[state] = total.get(state, 0) + count
        return total


@dataclass(frozen=True, slots=True)
class Others:
    """What is kept for others: requests for pins, and copies that were pushed, with the bytes that they count
    for. Whose they are is not told."""

    pins: Totals = field(default_factory=Totals)
    copies: int = 0
    copied: int = 0

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return bool(self.copies or self.pins.states)

    @classmethod
    def of(cls, home: Home, pins: Totals) -> Others:
        """What a home keeps for others."""
        sizes = [size for _, _, size in home.kept.copies()]
        return cls(pins, len(sizes), sum(sizes))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the overview shows. `names` and `runs` are the first of as many as `all_names` and `all_runs` say.

    `executed`: receipts known here, by executor.
    """

    names: tuple[Named, ...]
    runs: tuple[RunFacts, ...]
    all_names: int
    all_runs: int
    executed: Mapping[str, int]
    queue: Queue = Queue()
    others: Others = field(default_factory=Others)

    @property
    def datasets(self) -> tuple[Thing, ...]:
        """Every dataset that is named here or is an input or output of a run that is shown, once."""
        named = [n.thing for n in self.names]
        tied = [t for run in self.runs for _, t in (*run.inputs, *run.outputs)]
        return tuple({t.cid: t for t in (*named, *tied) if t.kind == "dataset"}.values())

    @property
    def listed(self) -> tuple[Named, ...]:
        """The names, datasets first, without those of runs that are shown themselves."""
        shown = {run.cid for run in self.runs}
        listed = [n for n in self.names if n.thing.cid not in shown]
        return tuple(sorted(listed, key=lambda n: n.thing.kind != "dataset"))

    @property
    def rows(self) -> int:
        """Rows of the datasets."""
        return sum(t.rows for t in self.datasets)

    @property
    def bytes(self) -> int:
        """Bytes of the datasets' rows: shards that they share count in each."""
        return sum(t.size for t in self.datasets)


class Collector:
    """The facts of a home. What was found of a run is kept: it changes with the words on it alone."""

    def __init__(
        self, home: Home, clients: Callable[[], Clients] = dict, pins: Callable[[], Totals] = Totals
    ) -> None:
        self._home = home
        self._clients, self._pins = clients, pins
        self._known: dict[tuple[CID, ...], RunFacts] = {}

    def collect(self) -> Facts:
        """The facts as they are now."""
        home = self._home
        names, runs = home.names.all(), home.ledger.runs()
        by_cid = names_of(home)
        shown = [Named(name, thing(home.store, cid)) for name, cid in list(names.items())[:MAX_NAMES]]
        known: dict[tuple[CID, ...], RunFacts] = {}
        for run in reversed(runs[-MAX_RUNS:]):
            key = (run, *home.ledger.attestations(run))
            facts = self._known.get(key)
            if facts is None or facts.name != by_cid.get(run, ""):
                facts = run_facts(home, run, by_cid.get(run, ""))
            if facts is not None:
                known[key] = facts
        self._known = known
        return Facts(
            names=tuple(shown),
            runs=tuple(known.values()),
            all_names=len(names),
            all_runs=len(runs),
            executed=home.ledger.executed(),
            queue=Queue.of(self._clients()),
            others=Others.of(home, self._pins()),
        )


def run_facts(home: Home, cid: CID, name: str) -> RunFacts | None:
    """None for a run that this store does not hold."""
    try:
        record = Run.load(home.store, cid)
        steps = tuple(call.step for call in Job.load(home.store, record.job).steps)
        words = attested(home, cid)
        covered, _ = coverage(home, cid)
    except CidStoreError:
        return None

    def things(ties: Mapping[str, CID]) -> tuple[tuple[str, Thing], ...]:
        return tuple((key, thing(home.store, value)) for key, value in islice(ties.items(), MAX_TIES))

    return RunFacts(
        cid,
        name,
        steps,
        things(record.inputs),
        things(record.outputs),
        len(record.inputs) + len(record.outputs),
        record.count,
        min(covered, record.count),
        tuple(words[:MAX_WORDS]),
    )
