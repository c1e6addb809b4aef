"""A job's plan: the generator that running, verifying and estimating drive alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cid_store.cid import CID
from codata import steps
from codata.errors import JobError
from codata.ops import Params, check_params
from codata.plan.rows import RowCall, call, plan_rows
from codata.plan.seal import seal
from codata.plan.stage import Part, Parts, Planner, Results, Stage
from codata.records.job import Job, Ref, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.steps import FilterStep, GlobalStep, ImportStep, RowStep, Step, dropped_schema
from codata.table.types import schema_from_value, schema_to_value

Plan = Generator[Stage, Results, Mapping[str, CID]]
"""Yields stages, is sent their receipts, returns the output manifests by name."""


@dataclass(frozen=True)
class _Flow:
    """A table on its way, with row steps that wait to be fused.

    `dropped`: by number among `calls`, the reference by which a step's dropped rows are asked for, and their
    schema.
    """

    parts: Parts
    schema: Any
    calls: tuple[RowCall, ...] = ()
    dropped: Mapping[int, tuple[Ref, Any]] = field(default_factory=dict)


Flows = dict[Ref, _Flow]


def plan(job: Job, inputs: Mapping[str, CID], planner: Planner) -> Plan:
    """The stages of `job` over `inputs` (manifests by name; for an import, its source)."""
    if set(inputs) != set(job.inputs):
        wanted, given = ", ".join(job.inputs) or "none", ", ".join(sorted(inputs)) or "none"
        raise JobError(
            f"the job's inputs are {wanted}; given: {given}", next_step="give each as --input NAME=REF"
        )
    uses = Counter(ref for c in job.steps for ref in c.inputs.values()) + Counter(job.outputs.values())
    flows: Flows = {}
    for name in job.inputs:
        if not _is_source(job, name):
            flows[Ref(name)] = _load(planner, inputs[name])
    for number, written in enumerate(job.steps):
        step, params = resolve(written)
        taken = {name: ref for name, ref in written.inputs.items()}
        if isinstance(step, ImportStep):
            parts = yield from step.plan(params, inputs[taken["source"].name], planner)
            flows[Ref("out", number)] = _Flow(parts, parts.schema)
        elif isinstance(step, RowStep):
            ref, out, rest = taken["data"], Ref("out", number), Ref("dropped", number)
            if ref not in flows:
                yield from _finish(planner, flows, ref)
            # Nobody else asks for rows that wait: what two ask for has been finished.
            flow = flows.pop(ref) if flows[ref].calls else flows[ref]
            asked = {len(flow.calls): (rest, dropped_schema(flow.schema, step.name))} if uses[rest] else {}
            flows[out] = _Flow(
                flow.parts,
                step.schema(params, flow.schema),
                (*flow.calls, call(step, params)),
                {**flow.dropped, **asked},
            )
            if written.checkpoint or uses[out] != 1:
                yield from _finish(planner, flows, out)
        elif isinstance(step, GlobalStep):
            ready: dict[str, Parts] = {}
            for name, ref in taken.items():
                parts = yield from _finish(planner, flows, ref)
                if step.sealed_input:
                    parts = yield from seal(planner, parts)
                ready[name] = parts
            needed = frozenset(name for name in step.outputs if uses[Ref(name, number)])
            made = yield from step.plan(params, ready, planner, needed)
            flows |= {Ref(name, number): _Flow(parts, parts.schema) for name, parts in made.items()}
    outputs: dict[str, CID] = {}
    for name, ref in sorted(job.outputs.items()):  # a record does not keep the order of the job file
        parts = yield from _finish(planner, flows, ref)
        parts = yield from seal(planner, parts)
        outputs[name] = manifest(planner, parts)
    return {name: outputs[name] for name in job.outputs}


def resolve(written: StepCall) -> tuple[Step, Params]:
    """A recorded step as it is here; raises `UnknownStep`, `ParameterError`."""
    step = steps.find(written.step, written.version)
    if set(written.inputs) != set(step.inputs):
        raise JobError(f"step {written.step!r} takes the inputs {', '.join(step.inputs)}")
    return step, check_params(step.params, dict(written.params), written.step)


def check_schemas(job: Job, schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow schemas through the whole job before anything runs; returns those of the outputs.

    Raises `MissingColumn`, `ParameterError`, each naming the step.
    """
    known: dict[Ref, Any] = {Ref(name): schema for name, schema in schemas.items()}
    used = {ref for c in job.steps for ref in c.inputs.values()} | set(job.outputs.values())
    for number, written in enumerate(job.steps):
        step, params = resolve(written)
        taken = {name: known[ref] for name, ref in written.inputs.items()}
        if isinstance(step, RowStep):
            known[Ref("out", number)] = step.schema(params, taken["data"])
            if isinstance(step, FilterStep) and Ref("dropped", number) in used:
                known[Ref("dropped", number)] = dropped_schema(taken["data"], step.name)
        elif isinstance(step, GlobalStep):
            known |= {Ref(n, number): s for n, s in step.schema(params, taken).items()}
            if "dropped" in step.outputs and Ref("dropped", number) in used:
                known[Ref("dropped", number)] = dropped_schema(taken["data"], step.name)
    return {name: known[ref] for name, ref in job.outputs.items()}


def _is_source(job: Job, name: str) -> bool:
    return any(
        Ref(name) in c.inputs.values() and isinstance(steps.find(c.step), ImportStep) for c in job.steps
    )


def _load(planner: Planner, cid: CID) -> _Flow:
    record = Manifest.load(planner.store, cid)
    schema = schema_from_value(record.schema)
    parts = tuple(Part(s.cid, s.rows, s.size, s.hash) for s in record.refs(planner.store))
    return _Flow(Parts(schema, parts, sealed=True), schema)


def _finish(planner: Planner, flows: Flows, ref: Ref) -> Generator[Stage, Results, Parts]:
    """Run the row steps that wait before `ref`; what they drop comes with them."""
    at = (
        ref
        if ref in flows
        else next(r for r, f in flows.items() if ref in (d for d, _ in f.dropped.values()))
    )
    flow = flows[at]
    if flow.calls:
        kept = {number: schema for number, (_, schema) in flow.dropped.items()}
        parts, dropped = yield from plan_rows(planner, flow.parts, flow.calls, flow.schema, kept)
        flows[at] = _Flow(parts, parts.schema)
        flows |= {flow.dropped[n][0]: _Flow(made, made.schema) for n, made in dropped.items()}
    return flows[ref].parts


def manifest(planner: Planner, parts: Parts) -> CID:
    """Keep the manifest of sealed parts."""
    shards = (ShardRef(p.cid, p.rows, p.size, p.hash) for p in parts.parts)
    return Manifest.make(planner.store, schema_to_value(parts.schema), shards).save(planner.store)
