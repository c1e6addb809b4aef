"""Job: steps with resolved parameters. It has no name of its own, and the names in a job file leave no
trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from cid_store.cid import CID
from codata.records.base import Record
from codata.records.fields import Fields, Value

MAX_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a table comes from: the job's input `name` (`step` None), or output `name` of step number
    `step`."""

    name: str
    step: int | None = None

    def to_value(self) -> dict[str, Value]:
        """The reference's fields."""
        return {"input": self.name} if self.step is None else {"step": self.step, "out": self.name}

    @classmethod
    def from_value(cls, value: Value) -> Ref:
        """The reference of this value."""
        f = Fields(value, "job/1 reference", tag=False)
        ref = cls(f.text("input")) if f.has("input") else cls(f.text("out"), f.count("step"))
        f.done()
        return ref


@dataclass(frozen=True)
class StepCall:
    """One step of a job. `checkpoint`: what comes after does not fuse with it."""

    step: str
    version: int
    params: Mapping[str, Value]
    inputs: Mapping[str, Ref]
    checkpoint: bool = False

    def to_value(self) -> dict[str, Value]:
        """The call's fields."""
        return {
            "step": self.step,
            "version": self.version,
            "params": dict(self.params),
            "in": {k: r.to_value() for k, r in self.inputs.items()},
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_value(cls, value: Value, number: int) -> StepCall:
        """The call of this value, which is step `number` of its job; it can only refer to steps before it."""
        f = Fields(value, "job/1 step", tag=False)
        inputs = {k: Ref.from_value(v) for k, v in f.map("in").items()}
        if any(r.step is not None and r.step >= number for r in inputs.values()):
            raise f.bad("takes its input from a later step")
        checkpoint = f.any("checkpoint")
        if not isinstance(checkpoint, bool):
            raise f.bad("field 'checkpoint' is not of type bool")
        call = cls(f.text("step"), f.count("version"), f.map("params"), inputs, checkpoint)
        f.done()
        return call


@dataclass(frozen=True)
class Job(Record):
    """`inputs` are names that the user gives CIDs to; `outputs` name what is kept."""

    kind: ClassVar[str] = "job/1"

    inputs: tuple[str, ...]
    steps: tuple[StepCall, ...]
    outputs: Mapping[str, Ref]

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {
            "inputs": list(self.inputs),
            "steps": [s.to_value() for s in self.steps],
            "outputs": {k: r.to_value() for k, r in self.outputs.items()},
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        inputs = f.items("inputs")
        steps = f.items("steps")
        if len(steps) > MAX_STEPS:
            raise f.bad(f"has more than {MAX_STEPS} steps")
        calls = tuple(StepCall.from_value(s, i) for i, s in enumerate(steps))
        outputs = {k: Ref.from_value(v) for k, v in f.map("outputs").items()}
        if not outputs or any(r.step is not None and r.step >= len(calls) for r in outputs.values()):
            raise f.bad("has no output, or one of a step that is not there")
        names = tuple(i for i in inputs if isinstance(i, str) and not isinstance(i, CID))
        if len(names) != len(inputs) or len(set(names)) != len(names):
            raise f.bad("has inputs that are no list of different names")
        used = [*outputs.values(), *(r for c in calls for r in c.inputs.values())]
        if any(r.step is None and r.name not in names for r in used):
            raise f.bad("takes a table from an input that it does not have")
        return cls(names, calls, outputs)
