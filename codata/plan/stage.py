"""The words of planning: a part, a stage, and what a stage brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from cid_store import Store
from cid_store.cid import CID
from cid_store.codecs import dag_cbor
from codata import ops
from codata.records import pages
from codata.records.fields import Value
from codata.records.receipt import Output, Receipt
from codata.records.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

PLANNER_VERSION = 1
"""Fixes fusion, partition counts and fan-in. None of them depends on cores or memory."""

FAN_IN = 256
"""Files that one task reads at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A table file that flows between tasks. `size` is in logical bytes; `cuts` links the candidate cuts."""

    cid: CID
    rows: int
    size: int
    hash: bytes
    cuts: CID | None = None

    @classmethod
    def of(cls, output: Output) -> Part:
        """The part that a task's output describes."""
        return cls(output.cid, output.rows, output.size, output.hash or b"", output.cuts)


@dataclass(frozen=True)
class Parts:
    """A table on its way through a plan: parts in dataset order. `sealed`: the parts are canonical shards."""

    schema: pa.Schema
    parts: tuple[Part, ...]
    sealed: bool = False

    @property
    def rows(self) -> int:
        """Rows over all parts."""
        return sum(p.rows for p in self.parts)

    @property
    def size(self) -> int:
        """Logical bytes over all parts."""
        return sum(p.size for p in self.parts)


@dataclass(frozen=True)
class Stage:
    """Tasks that do not depend on each other. `name` is for people: which step, what it does."""

    name: str
    tasks: tuple[Task, ...]


Results = Sequence[Receipt]
"""A stage's receipts, in the order of its tasks."""


class Planner:
    """What a step may use while it plans: making tasks, reading small nodes that receipts name."""

    def __init__(self, store: Store, engine: Callable[[str], str] = ops.engine_version) -> None:
        self._store = store
        self._engine = engine

    def task(
        self, name: str, version: int, params: BaseModel | Mapping[str, Value], **inputs: Sequence[CID]
    ) -> Task:
        """A task of operation `name`; its engines' versions are those installed here, or those of the run
        that is checked."""
        operation = ops.find(name, version)
        checked = (
            params if isinstance(params, BaseModel) else ops.check_params(operation.params, params, name)
        )
        return Task.make(
            self._store,
            step=name,
            version=version,
            engines={e: self._engine(e) for e in self.engines(operation, checked)},
            params=dump(checked),
            inputs={key: tuple(cids) for key, cids in inputs.items()},
        )

    @staticmethod
    def engines(operation: ops.Operation[Any], params: BaseModel) -> tuple[str, ...]:
        """The engines of an operation; one that wraps steps names theirs too."""
        more = getattr(params, "engines_used", None)
        return tuple(sorted({*operation.engines, *(more() if more else ())}))

    def node(self, cid: CID) -> Value:
        """A DAG-CBOR value that a receipt names."""
        value: Value = dag_cbor.decode(self._store.get(cid))
        return value

    def items(self, cid: CID) -> Iterator[Value]:
        """The items of a long list that a receipt names."""
        return pages.items(self._store, cid)

    @property
    def store(self) -> Store:
        """The store that holds inputs and what stages made."""
        return self._store


def dump(params: BaseModel) -> dict[str, Value]:
    """Parameters as a record's value: links stay links, tuples become lists, keys stand as DAG-CBOR has
    them: what depends on another order of a map's keys must show here, and not once a record is read."""
    plain = _plain(params.model_dump(mode="python", by_alias=True))
    if not isinstance(plain, dict):
        raise TypeError("parameters are a map")
    return plain


def _plain(value: Any) -> Value:
    if isinstance(value, Mapping):
        plain = {str(k): _plain(v) for k, v in value.items()}
        return dict(sorted(plain.items(), key=lambda item: (len(item[0].encode()), item[0].encode())))
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a record")


def outputs(results: Results, name: str = "out") -> Iterator[Output]:
    """Each receipt's output of that name."""
    for receipt in results:
        yield receipt.out[name]
