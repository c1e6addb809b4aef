"""A job's plan: the generator that running, verifying and estimating drive alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass
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
from codata.steps import GlobalStep, ImportStep, RowStep, Step
from codata.table.types import schema_from_value, schema_to_value

Plan = Generator[Stage, Results, Mapping[str, CID]]
"""Yields stages, is sent their receipts, returns the output manifests by name."""


@dataclass(frozen=True)
class _Flow:
    """A table on its way, with row steps that wait to be fused."""

    parts: Parts
    schema: Any
    calls: tuple[RowCall, ...] = ()


def plan(job: Job, inputs: Mapping[str, CID], planner: Planner) -> Plan:
    """The stages of `job` over `inputs` (manifests by name; for an import, its source)."""
    if set(inputs) != set(job.inputs):
        wanted, given = ", ".join(job.inputs) or "none", ", ".join(sorted(inputs)) or "none"
        raise JobError(
            f"the job's inputs are {wanted}; given: {given}", next_step="give each as --input NAME=REF"
        )
    uses = Counter(ref for c in job.steps for ref in c.inputs.values()) + Counter(job.outputs.values())
    flows: dict[Ref, _Flow] = {}
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
            flow = flows[taken["data"]]
            schema = step.schema(params, flow.schema)
            after = _Flow(flow.parts, schema, (*flow.calls, call(step, params)))
            out = Ref("out", number)
            if written.checkpoint or uses[out] != 1:
                parts = yield from _finish(planner, after)
                after = _Flow(parts, parts.schema)
            flows[out] = after
        elif isinstance(step, GlobalStep):
            ready: dict[str, Parts] = {}
            for name, ref in taken.items():
                parts = yield from _finish(planner, flows[ref])
                flows[ref] = _Flow(parts, parts.schema)
                if step.sealed_input:
                    parts = yield from seal(planner, parts)
                ready[name] = parts
            made = yield from step.plan(params, ready, planner)
            flows |= {Ref(name, number): _Flow(parts, parts.schema) for name, parts in made.items()}
    outputs: dict[str, CID] = {}
    for name, ref in job.outputs.items():
        parts = yield from _finish(planner, flows[ref])
        parts = yield from seal(planner, parts)
        outputs[name] = manifest(planner, parts)
    return outputs


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
    for number, written in enumerate(job.steps):
        step, params = resolve(written)
        taken = {name: known[ref] for name, ref in written.inputs.items()}
        if isinstance(step, RowStep):
            known[Ref("out", number)] = step.schema(params, taken["data"])
        elif isinstance(step, GlobalStep):
            known |= {Ref(n, number): s for n, s in step.schema(params, taken).items()}
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


def _finish(planner: Planner, flow: _Flow) -> Generator[Stage, Results, Parts]:
    if not flow.calls:
        return flow.parts
    return (yield from plan_rows(planner, flow.parts, flow.calls, flow.schema))


def manifest(planner: Planner, parts: Parts) -> CID:
    """Keep the manifest of sealed parts."""
    shards = (ShardRef(p.cid, p.rows, p.size, p.hash) for p in parts.parts)
    return Manifest.make(planner.store, schema_to_value(parts.schema), shards).save(planner.store)
