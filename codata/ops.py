"""Operations: what a task can name.

An operation is a pure function of its parameters and the bytes of its inputs. It is registered under a name
and a version; its result changes only with the version. The engines that it declares (libraries whose version
may show in the bytes) enter every task that names it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from cid_store.cid import CID
from codata.errors import ParameterError, UnknownStep
from codata.records.fields import Value

if TYPE_CHECKING:
    import pyarrow as pa

    from cid_store.unixfs import FileReader
    from codata.records.receipt import Output


class Params(BaseModel):
    """Base of every parameter model: nothing unknown is accepted, nothing changes after it is checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Inputs = Mapping[str, Sequence[CID]]
Outputs = Mapping[str, "Output"]
P = TypeVar("P", bound=Params)


class Context(Protocol):
    """What an operation may touch: the bytes of its inputs, and the store for what it makes."""

    def table(self, cid: CID) -> pa.Table:
        """A part as a canonical table, memory-mapped where the store can."""
        ...

    def batch(self, cid: CID, index: int) -> pa.RecordBatch:
        """One batch of a partition file; the others are not read."""
        ...

    def node(self, cid: CID) -> Value:
        """A DAG-CBOR value."""
        ...

    def file(self, cid: CID) -> FileReader:
        """A file's bytes by random access."""
        ...

    def put_table(self, table: pa.Table) -> Output:
        """Keep a table as a part, with its logical hash and candidate cuts."""
        ...

    def put_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Output:
        """Keep a partition file: one record batch per partition, in order."""
        ...

    def put_node(self, value: Value) -> Output:
        """Keep a DAG-CBOR value."""
        ...

    def items(self, cid: CID) -> Iterator[Value]:
        """The items of a long list."""
        ...

    def put_list(self, items: Iterable[Value]) -> Output:
        """Keep a long list as pages."""
        ...


class Bulk(NamedTuple):
    """So many rows, of so many bytes each."""

    rows: float
    row_bytes: float


Gives = Callable[[P, Bulk], Bulk]
"""`gives(params, taken) -> made`: about what a task makes of the rows that it takes. A forecast goes by it
where no such task was seen yet; where nothing is said, by as many rows of the same size."""


@dataclass(frozen=True)
class Operation(Generic[P]):
    """A registered function: `run(context, params, inputs) -> outputs by name`."""

    name: str
    version: int
    engines: tuple[str, ...]
    params: type[P]
    run: Callable[[Context, P, Inputs], Outputs]
    lazy: tuple[str, ...] = ()
    """Inputs of which few are read, if any: such a task runs where the plan is made, and what it asks for is
    brought there."""
    gives: Gives[P] | None = None

    def traced(self, trace: Tracer[P]) -> Tracer[P]:
        """Register (as a decorator) how rows that this operation gives lead back to rows that it took."""
        _TRACERS[self.name, self.version] = trace
        return trace


@dataclass(frozen=True, slots=True)
class Origin:
    """A row that another row came from: of number `at` in the task's input list `input`.

    `unit` says what `row` counts: `row` of a table (from 0; of a partition file over all its batches), or of
    a source file its `line` (from 1), its `record` (from 0), or the `file` as a whole (0).
    """

    input: str
    at: int
    row: int
    unit: str = "row"


@dataclass(frozen=True, slots=True)
class Traced:
    """Where one row came from. `did`: what each step did to it, the last step first; empty where rows only
    moved between files. `more`: origins beyond those listed."""

    origins: tuple[Origin, ...]
    did: tuple[tuple[str, str], ...] = ()
    more: int = 0


Tracer = Callable[[Context, P, Inputs, str, Sequence[int]], Sequence[Traced]]
"""`trace(context, params, inputs, output name, rows) -> one Traced for each row` of that output.

It may do the operation's work again: operations are deterministic, so that nothing need be kept to trace
rows.
"""


_SHOWN = 8  # wrong parameters that are named: a hostile job may have a million

_OPERATIONS: dict[tuple[str, int], Operation[Any]] = {}
_TRACERS: dict[tuple[str, int], Tracer[Any]] = {}


def op(
    name: str,
    *,
    version: int,
    params: type[P],
    engines: tuple[str, ...] = ("pyarrow",),
    lazy: tuple[str, ...] = (),
    gives: Gives[P] | None = None,
) -> Callable[[Callable[[Context, P, Inputs], Outputs]], Operation[P]]:
    """Register a function as operation `name`; the decorated name becomes the `Operation`."""

    def register(run: Callable[[Context, P, Inputs], Outputs]) -> Operation[P]:
        operation = Operation(name, version, engines, params, run, lazy, gives)
        _OPERATIONS[name, version] = operation
        return operation

    return register


def find(name: str, version: int) -> Operation[Any]:
    """The operation of this name and version; raises `UnknownStep`."""
    load_own()
    if (name, version) not in _OPERATIONS:
        load()
    try:
        return _OPERATIONS[name, version]
    except KeyError:
        raise UnknownStep(f"operation {name!r} version {version} is not known here") from None


def tracer(operation: Operation[Any]) -> Tracer[Any] | None:
    """How rows of this operation lead back; None where it does not say."""
    return _TRACERS.get((operation.name, operation.version))


@cache
def load_own() -> None:
    """Import our own modules that register operations or steps: all that a worker needs for an import."""
    for module in (
        "rows",
        "seal",
        "limit",
        "concat",
        "importing",
        "tracing",
        "tracing_rows",
        "tracing_imports",
    ):
        importlib.import_module(f"codata.plan.{module}")


@cache
def load() -> None:
    """Import everything that registers operations or steps: our own modules, then those that packages
    offer."""
    load_own()
    for entry in importlib.metadata.entry_points(group="codata.steps"):
        entry.load()


@cache
def engine_version(name: str) -> str:
    """The installed version of an engine, as it enters tasks; "" where it is not installed.

    The engine `unicode` is the Unicode data of the running Python.
    """
    if name == "unicode":
        return unicodedata.unidata_version
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def check_params(model: type[P], raw: object, what: str, context: dict[str, Any] | None = None) -> P:
    """`raw` as the model `model`; raises `ParameterError` that names every wrong parameter of `what`."""
    try:
        return model.model_validate(raw, context=context)
    except ValidationError as e:
        found = e.errors(include_url=False, include_input=False, include_context=False)
        wrong = "; ".join(
            f"{_place(err['loc'])}: {_reason(err['type'], err['msg'])}" for err in found[:_SHOWN]
        )
        if len(found) > _SHOWN:
            wrong += f"; and {len(found) - _SHOWN} more"
        known = ", ".join(model.model_fields) or "none"
        raise ParameterError(f"{what}: {wrong}", next_step=f"its parameters are: {known}") from None


def _place(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path))[:100] or "parameters"


def _reason(kind: str, message: str) -> str:
    """What is wrong with a parameter, by pydantic's kind of error and its message."""
    match kind:
        case "missing":
            return "is needed"
        case "extra_forbidden":
            return "is no parameter here"
        case "value_error" | "assertion_error":
            return message.partition(", ")[2][:300]  # our own words, behind pydantic's
    return message.lower()[:200]
