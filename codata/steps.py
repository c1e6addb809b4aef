"""Steps: what a user writes in a job. A plan expands each to operations.

A step is a class with a name, a version, a parameter model and declared engines, registered by `@step`. Two
kinds:
a `RowStep` looks at rows one by one, so that neighbours fuse into one operation and shards are independent; a
`GlobalStep` plans its own stages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import PlainValidator, ValidationInfo

from cid_store.cid import CID
from codata import ops
from codata.errors import MissingColumn, UnknownStep
from codata.ops import Context, Params

if TYPE_CHECKING:
    import pyarrow as pa

    from codata.plan.stage import Parts, Planner, Results, Stage

S = TypeVar("S", bound="type[Step]")

StepPlan = Generator["Stage", "Results", Mapping[str, "Parts"]]
"""What a global step's `plan` is: yields stages, is sent their receipts, returns its outputs by name."""


class Step(ABC):
    """What every step has."""

    name: ClassVar[str]
    version: ClassVar[int]
    engines: ClassVar[tuple[str, ...]] = ("pyarrow",)
    params: ClassVar[type[Params]]
    inputs: ClassVar[tuple[str, ...]] = ("data",)
    """Input names. The first is what stands before the step; others are written as parameters of that
    name."""
    outputs: ClassVar[tuple[str, ...]] = ("out",)

    def engines_of(self, params: Any) -> tuple[str, ...]:
        """The engines that a task with these parameters needs: `engines`, unless a parameter chooses among
        libraries."""
        return self.engines


class RowStep(Step):
    """Each output row depends on one input row alone, and rows keep their order."""

    @abstractmethod
    def schema(self, params: Any, schema: pa.Schema) -> pa.Schema:
        """The canonical output schema for an input schema; raises `MissingColumn`, `ParameterError`."""

    @abstractmethod
    def apply(self, params: Any, table: pa.Table, ctx: Context) -> pa.Table:
        """The output rows of some consecutive input rows: a table of `schema`, in any chunking."""


class GlobalStep(Step):
    """Needs to see more than a row: plans its own stages."""

    sealed_input: ClassVar[bool] = False
    """Whether the result depends on where parts begin: then the input is cut anew before `plan` sees it."""

    @abstractmethod
    def schema(self, params: Any, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Output schemas by output name, for input schemas by input name; raises `MissingColumn`."""

    @abstractmethod
    def plan(self, params: Any, inputs: Mapping[str, Parts], planner: Planner) -> StepPlan:
        """Yield stages, be sent their results, return the output parts by name."""


class ImportStep(Step):
    """Reads source files into rows."""

    inputs = ("source",)

    @abstractmethod
    def plan(self, params: Any, source: CID, planner: Planner) -> Generator[Stage, Results, Parts]:
        """Yield stages over the files of the `Source` record; return the rows as parts."""


_STEPS: dict[str, Step] = {}


def step(cls: S) -> S:
    """Register a step class under its name."""
    _STEPS[cls.name] = cls()
    return cls


def find(name: str, version: int | None = None) -> Step:
    """The step of this name (and version, where given); raises `UnknownStep` that names near ones."""
    ops.load_own()
    if name not in _STEPS:
        ops.load()
    found = _STEPS.get(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, _STEPS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else None
        raise UnknownStep(f"there is no step {name!r} here", next_step=hint)
    if version is not None and found.version != version:
        raise UnknownStep(f"step {name!r} is here in version {found.version}, not {version}")
    return found


def every() -> list[Step]:
    """All steps by name."""
    ops.load()
    return [_STEPS[name] for name in sorted(_STEPS)]


def need(schema: pa.Schema, columns: Sequence[str], what: str) -> None:
    """Raise `MissingColumn` unless `schema` has all `columns`."""
    missing = [c for c in columns if c not in schema.names]
    if missing:
        raise MissingColumn(
            f"{what}: there is no column {', '.join(map(repr, missing))}",
            next_step=f"the columns are: {', '.join(schema.names) or 'none'}",
        )


def _import_artifact(value: object, info: ValidationInfo) -> CID:
    if isinstance(value, CID):
        return value
    resolve: Callable[[str], CID] | None = (info.context or {}).get("artifact")
    if resolve is None or not isinstance(value, str):
        raise ValueError("must be a CID")
    return resolve(value)


Artifact = Annotated[CID, PlainValidator(_import_artifact)]
"""A parameter that is a file: a path, name or CID in a job file, always a CID in a record.

While a job file is read, the validation context holds `artifact`: a function that keeps the file at a path
(relative to the job file) or of a name, and returns its CID.
"""
