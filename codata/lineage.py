"""Lineage: the runs behind a dataset, back to the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cid_store.cid import CID
from codata.attested import attested
from codata.home import Home
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run
from codata.records.source import Source


@dataclass(frozen=True)
class Thing:
    """A dataset or a source: what it is and how much of it there is."""

    cid: CID
    kind: str
    about: str


@dataclass(frozen=True)
class Lineage:
    """One run: its steps, what went in, what came out, and what verifiers said."""

    run: CID
    steps: Sequence[str]
    inputs: Mapping[str, Thing]
    outputs: Mapping[str, Thing]
    tasks: int
    coordinator: str
    verified: Sequence[str]

    def to_value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": self.run,
            "steps": list(self.steps),
            "inputs": {k: vars(v) for k, v in self.inputs.items()},
            "outputs": {k: vars(v) for k, v in self.outputs.items()},
            "tasks": self.tasks,
            "coordinator": self.coordinator,
            "verified": list(self.verified),
        }


def trace(home: Home, cid: CID) -> list[Lineage]:
    """The runs behind a dataset or run, latest first: every run known here that gave it, and so on for its
    inputs."""
    found: dict[CID, Lineage] = {}
    waiting = [cid] if kind_of(home.store, cid) == Run.kind else home.ledger.runs(cid)
    while waiting:
        run = waiting.pop(0)
        if run in found or not home.store.has(run):
            continue
        found[run] = _one(home, run)
        for thing in found[run].inputs.values():
            waiting += home.ledger.runs(thing.cid)
    return list(found.values())


def _one(home: Home, cid: CID) -> Lineage:
    store = home.store
    run = Run.load(store, cid)
    return Lineage(
        cid,
        [c.step for c in Job.load(store, run.job).steps],
        {name: _thing(home, c) for name, c in run.inputs.items()},
        {name: _thing(home, c) for name, c in run.outputs.items()},
        run.count,
        run.coordinator,
        [a.text for a in attested(home, cid)],
    )


def _thing(home: Home, cid: CID) -> Thing:
    if not home.store.has(cid):
        return Thing(cid, "missing", "not in this store")
    if kind_of(home.store, cid) == Source.kind:
        source = Source.load(home.store, cid)
        return Thing(cid, "source", f"{source.count} files, {source.size} bytes")
    manifest = Manifest.load(home.store, cid)
    return Thing(cid, "dataset", f"{manifest.rows} rows, {manifest.count} shards")


def as_text(found: Sequence[Lineage]) -> str:
    """Runs one after another."""
    if not found:
        return "no run here gave this"
    return "\n\n".join(_run_text(run) for run in found)


def _run_text(run: Lineage) -> str:
    text = [f"run {run.run}"]
    text += [f"  {name:<8} {t.kind} {t.cid} ({t.about})" for name, t in run.inputs.items()]
    text += [f"  {'steps':<8} {' → '.join(run.steps)} ({run.tasks} tasks)"]
    text += [f"  {name:<8} {t.kind} {t.cid} ({t.about})" for name, t in run.outputs.items()]
    text += [f"  {'by':<8} {run.coordinator}"]
    text += [f"  {'checked':<8} {word}" for word in run.verified] or [f"  {'checked':<8} by nobody yet"]
    return "\n".join(text)


def as_mermaid(found: Sequence[Lineage]) -> str:
    """A Mermaid flowchart."""
    nodes: dict[str, str] = {}
    edges: list[str] = []
    for run in found:
        steps = "<br/>".join(run.steps)
        seen = "verified" if any(w.startswith("verified") for w in run.verified) else "not verified"
        nodes[run.run] = f'["{steps}<br/>{run.tasks} tasks, {seen}"]'
        for name, thing in (*run.inputs.items(), *run.outputs.items()):
            nodes[thing.cid] = f'[("{thing.kind} {thing.cid[-8:]}<br/>{thing.about}")]'
            edge = (thing.cid, run.run) if name in run.inputs else (run.run, thing.cid)
            edges.append(f"  {_id(edge[0])} -->|{name}| {_id(edge[1])}")
    return "\n".join(["flowchart LR", *(f"  {_id(k)}{v}" for k, v in nodes.items()), *dict.fromkeys(edges)])


def _id(cid: str) -> str:
    return "n" + cid[-12:]
