"""The facts of one run and of one dataset, for their pages. Bounded: a run may have a million tasks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Final

from cid_store.cid import CID
from cid_store.codecs import dag_json
from cid_store.errors import BlockNotFound, CidStoreError
from codata.dataset import Dataset
from codata.errors import BadRecord
from codata.home import Home
from codata.provider.held import held
from codata.provider.page.graph import Drawing, draw, lineage, short
from codata.provider.page.overview import MAX_RUNS, RunFacts, run_facts
from codata.provider.page.things import Thing, names_of, thing
from codata.records.base import kind_of
from codata.records.job import Job, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.records.run import Run
from codata.tally import Tally, tally

MAX_TALLIED: Final = 2_000
"""Tasks of a run that are read for its page."""

MAX_SHARDS: Final = 1_000
"""Shards that are looked up: are they here in full?"""

SHOWN_SHARDS: Final = 20
_PARAMETERS: Final = 400  # characters of a step's parameters


@dataclass(frozen=True)
class RunDetails:
    """A run: `steps` by name with their parameters as DAG-JSON; `tally` of its first tasks, None where their
    records are not here."""

    facts: RunFacts
    coordinator: str
    steps: tuple[tuple[str, str], ...]
    tally: Tally | None
    drawing: Drawing


@dataclass(frozen=True)
class DatasetDetails:
    """A dataset. Of the first `looked` shards, `here` are held in full; `shards` are the first of them."""

    thing: Thing
    names: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    shards: tuple[ShardRef, ...]
    looked: int
    here: int
    made_by: tuple[Thing, ...]
    used_by: tuple[Thing, ...]
    drawing: Drawing


def run_details(home: Home, cid: CID) -> RunDetails:
    """The facts of a run; raises `BlockNotFound`, `BadRecord`."""
    names = names_of(home)
    record = Run.load(home.store, cid)
    facts = run_facts(home, cid, names.get(cid, ""))
    if facts is None:
        raise BlockNotFound(f"the job of run {cid} is not held here", cid=record.job)
    job = Job.load(home.store, record.job)
    try:
        counted = tally(home.store, record, MAX_TALLIED)
    except CidStoreError:
        counted = None
    steps = tuple((call.step, _parameters(call)) for call in job.steps)
    return RunDetails(facts, record.coordinator, steps, counted, draw(lineage(home, cid, names)))


def dataset_details(home: Home, cid: CID) -> DatasetDetails:
    """The facts of a dataset; raises `BlockNotFound`, `BadRecord`."""
    if kind_of(home.store, cid) != Manifest.kind:
        raise BadRecord(f"{cid} is no dataset", cid=cid)
    dataset = Dataset(home.store, cid)
    shards = list(islice(dataset.manifest.refs(home.store), MAX_SHARDS))
    return DatasetDetails(
        thing=thing(home.store, cid),
        names=tuple(name for name, root in home.names.all().items() if root == cid),
        columns=tuple((field.name, str(field.type)) for field in dataset.schema),
        shards=tuple(shards[:SHOWN_SHARDS]),
        looked=len(shards),
        here=sum(held(home.store, (shard.cid for shard in shards))),
        made_by=tuple(thing(home.store, run) for run in home.ledger.runs(cid)[-MAX_RUNS:]),
        used_by=tuple(_users(home, cid)),
        drawing=draw(lineage(home, cid, names_of(home))),
    )


def _users(home: Home, cid: CID) -> list[Thing]:
    """The latest runs here that read this dataset."""
    found = []
    for run in home.ledger.runs()[-MAX_RUNS:]:
        try:
            if cid in Run.load(home.store, run).inputs.values():
                found.append(thing(home.store, run))
        except CidStoreError:
            continue
    return found


def _parameters(call: StepCall) -> str:
    return short(dag_json.encode(dict(call.params)).decode(), _PARAMETERS)
