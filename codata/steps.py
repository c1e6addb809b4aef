"""Steps: what a user writes in a job. A plan expands each to operations.

A step is a class with a name, a version, a parameter model and declared engines, registered by `@step`. A
`RowStep` looks at rows one by one, so that neighbours fuse into one operation and shards are independent: it
is a map, or a `FilterStep`, which says of each row why it is dropped. A `GlobalStep` plans its own stages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeVar

from pydantic import (
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
)

from cid_store.cid import CID
from codata import ops
from codata.errors import MissingColumn, ParameterError, UnknownStep
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
    """Each output row depends on one input row alone: as many rows come out as go in, in their order."""

    @abstractmethod
    def schema(self, params: Any, schema: pa.Schema) -> pa.Schema:
        """The canonical output schema for an input schema; raises `MissingColumn`, `ParameterError`."""

    @abstractmethod
    def apply(self, params: Any, table: pa.Table, ctx: Context) -> pa.Table:
        """The output rows of some consecutive input rows: a table of `schema`, in any chunking."""


DROPPED_BY: Final = "dropped_by"
REASON: Final = "reason"
"""The columns that a row which was dropped has beside its own: the step's name, and its reason."""


class FilterParams(Params):
    """Base of the parameters of steps that drop rows."""

    annotate: str | None = Field(
        default=None,
        min_length=1,
        description="Drop nothing: write each row's reason into a new column of this name, null where the "
        "row would stay.",
    )

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_used(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A filter that gained the parameter later keeps the CIDs of its jobs and tasks.
        value: dict[str, Any] = handler(self)
        if value.get("annotate") is None:
            value.pop("annotate", None)
        return value


@dataclass(frozen=True)
class Verdicts:
    """What a step that drops rows says of some.

    `rows`: all of them, with what the step rewrites or adds. `reasons`: an array of large strings as long as
    that: why a row is dropped, null where it stays.
    """

    rows: pa.Table
    reasons: Any

    @property
    def kept(self) -> Any:
        """Which rows stay, as an array of booleans."""
        return self.reasons.is_null()

    def left(self, annotate: str | None) -> pa.Table:
        """The rows that stay; with `annotate` all, with their reasons in a column of that name."""
        if annotate is not None:
            return self.rows.append_column(annotate, self.reasons)
        return self.rows.filter(self.kept)

    def lost(self, table: pa.Table, name: str) -> pa.Table:
        """The rows of `table`, as they came, that the step `name` drops, with its name and their reasons."""
        return with_reasons(table.filter(self.reasons.is_valid()), name, self.reasons.drop_null())


class FilterStep(RowStep):
    """Keeps each row or drops it, by what stands in the row alone, and says why."""

    params: ClassVar[type[FilterParams]]
    outputs = ("out", "dropped")

    def columns(self, params: Any, schema: pa.Schema) -> pa.Schema:
        """The schema of `Verdicts.rows`; raises `MissingColumn`, `ParameterError`."""
        return schema

    @abstractmethod
    def judge(self, params: Any, table: pa.Table, ctx: Context) -> Verdicts:
        """The verdict on each row. A row that gets a reason keeps the values that it came with."""

    def schema(self, params: Any, schema: pa.Schema) -> pa.Schema:
        """The schema of the rows that stay, or of all with their reasons."""
        return annotated_schema(self.columns(params, schema), params.annotate, self.name)

    def apply(self, params: Any, table: pa.Table, ctx: Context) -> pa.Table:
        """The rows that stay, or all with their reasons."""
        return self.kept(params, self.judge(params, table, ctx))

    def kept(self, params: Any, verdicts: Verdicts) -> pa.Table:
        """The rows that stay, or all with their reasons, by verdicts that are there already."""
        return verdicts.left(params.annotate)

    def dropped(self, params: Any, table: pa.Table, verdicts: Verdicts) -> pa.Table:
        """The rows of `table` that do not stay, as they came, each with this step's name and its reason."""
        if params.annotate is not None:
            return with_reasons(table.slice(0, 0), self.name, verdicts.reasons.slice(0, 0))
        return verdicts.lost(table, self.name)


def annotated_schema(schema: pa.Schema, annotate: str | None, what: str) -> pa.Schema:
    """The schema of the rows that a step leaves; raises `ParameterError` where a column's name is taken."""
    import pyarrow as pa

    if annotate is None:
        return schema
    if annotate in schema.names:
        raise ParameterError(
            f"{what}: there is a column {annotate!r} already",
            next_step="write reasons into a column of another name",
        )
    return schema.append(pa.field(annotate, pa.large_string()))


def dropped_schema(schema: pa.Schema, what: str) -> pa.Schema:
    """The schema of rows that a step drops; raises `ParameterError` where a column's name is taken."""
    import pyarrow as pa

    for name in (DROPPED_BY, REASON):
        if name in schema.names:
            raise ParameterError(
                f"{what}: rows that are dropped get a column {name!r}, and the data has one already",
                next_step="rename the column with `select`, or leave dropped rows out",
            )
        schema = schema.append(pa.field(name, pa.large_string()))
    return schema


def with_reasons(table: pa.Table, name: str, reasons: Any) -> pa.Table:
    """Rows that the step `name` dropped, with its name and a reason each."""
    import pyarrow as pa

    named = pa.repeat(pa.scalar(name, pa.large_string()), table.num_rows)
    return table.append_column(DROPPED_BY, named).append_column(REASON, reasons)


class GlobalStep(Step):
    """Needs to see more than a row: plans its own stages."""

    sealed_input: ClassVar[bool] = False
    """Whether the result depends on where parts begin: then the input is cut anew before `plan` sees it."""

    @abstractmethod
    def schema(self, params: Any, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Output schemas by output name, for input schemas by input name; raises `MissingColumn`."""

    @abstractmethod
    def plan(
        self, params: Any, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """Yield stages, be sent their results, return the output parts by name.

        `wanted`: the outputs that something uses. Others need not be made, nor returned.
        """


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

        near = difflib.get_close_matches(name, _STEPS, n=3, cutoff=0.75)
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
