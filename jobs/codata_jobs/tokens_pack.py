"""The step `tokens.pack`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from cid_store.cid import CID
from codata.errors import ParameterError
from codata.ops import Context, Inputs, Origin, Outputs, Params, Traced, op
from codata.plan.stage import Part, Parts, Planner, Stage, outputs
from codata.steps import GlobalStep, StepPlan, need, step
from codata.table.types import MAX_LIST_SIZE

Numbers = np.ndarray[Any, np.dtype[Any]]

STARTS: Final = "starts"
"""The column of document starts."""

_INDEX: Final[dict[str, Any]] = {"shard": pa.large_string(), "row": pa.uint64(), "offset": pa.uint64()}
INDEX: Final = pa.schema(_INDEX)

_TRACED: Final = 1000
"""Documents of one packed row that a trace follows."""


class PackParams(Params):
    """What to pack, and how."""

    column: str = Field(default="tokens", description="The column of token ids.")
    length: int = Field(ge=1, le=MAX_LIST_SIZE, description="Ids in each row.")
    eos: int | None = Field(default=None, ge=0, lt=1 << 32, description="An id put after each document.")
    last: Literal["drop", "pad"] = Field(
        default="drop", description="What becomes of a shard's last, short row."
    )
    pad: int | None = Field(default=None, ge=0, lt=1 << 32, description="The id that fills a short row up.")
    boundaries: bool = Field(
        default=False,
        description="Add the column `starts`: for each row the positions in it at which a document begins. A "
        "row that goes on with the document before it has no start at 0.",
    )

    @model_validator(mode="after")
    def _pad_where_needed(self) -> PackParams:
        if (self.last == "pad") != (self.pad is not None):
            raise ValueError("`last: pad` and `pad: ID` go together")
        return self


class ShardParams(PackParams):
    """`index`: say of each row which document it begins with."""

    index: bool


@dataclass(frozen=True)
class _Stream:
    """All documents of a shard that have ids, one after the other.

    `rows`: their numbers in the shard; `starts`: the positions of their first ids; `size`: ids of all.
    """

    documents: Any
    rows: Numbers
    starts: Numbers
    size: int

    @classmethod
    def of(cls, column: Any, params: PackParams) -> _Stream:
        """The stream of a column of lists: a null document is none, and has no end of its own."""
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        if params.eos is not None:
            lengths = lengths + valid
        rows = np.flatnonzero(lengths)
        ends = np.cumsum(lengths[rows])
        return cls(column.drop_null(), rows, ends - lengths[rows], int(ends[-1]) if len(ends) else 0)

    def count(self, params: PackParams) -> int:
        """How many rows it gives."""
        return -(-self.size // params.length) if params.last == "pad" else self.size // params.length

    def at(self, positions: Numbers) -> Numbers:
        """Which document the id at each position belongs to."""
        return np.searchsorted(self.starts, positions, "right") - 1


@op("tokens.pack/shard", version=1, params=ShardParams)
def pack_shard(ctx: Context, params: ShardParams, inputs: Inputs) -> Outputs:
    """One shard's documents as rows of one length, and the index of these rows where it is asked for."""
    (shard,) = inputs["data"]
    stream = _stream(ctx, params, shard)
    kind = stream.documents.type.value_type
    wanted: Any = pa.list_(pa.field("item", kind), params.length)
    columns = [pa.FixedSizeListArray.from_arrays(pa.array(packed(stream, params), kind), type=wanted)]
    if params.boundaries:
        columns.append(_boundaries(stream, params))
    made = {"out": ctx.put_table(pa.table(columns, names=_names(params)))}
    if params.index:
        made["index"] = ctx.put_table(_index(stream, params, shard))
    return made


def _stream(ctx: Context, params: PackParams, shard: CID) -> _Stream:
    return _Stream.of(ctx.table(shard)[params.column].combine_chunks(), params)


def _names(params: PackParams) -> list[str]:
    return [params.column, *([STARTS] if params.boundaries else [])]


def packed(stream: _Stream, params: PackParams) -> Numbers:
    """All ids of all rows, one after the other."""
    documents = stream.documents
    kind = documents.type.value_type.to_pandas_dtype()
    if (params.eos is not None and params.eos > np.iinfo(kind).max) or (params.pad or 0) > np.iinfo(kind).max:
        raise ParameterError(f"tokens.pack: `eos` or `pad` is more than {documents.type.value_type} holds")
    tokens: Numbers = documents.flatten().to_numpy(zero_copy_only=False)
    if params.eos is not None:
        # np.insert counts positions in the array as it was.
        ends = np.cumsum(documents.value_lengths().to_numpy())
        tokens = np.insert(tokens, ends, params.eos)
    over = len(tokens) % params.length
    if over and params.last == "pad":
        return np.concatenate([tokens, np.full(params.length - over, params.pad, dtype=kind)])
    return tokens[: len(tokens) - over]


def _boundaries(stream: _Stream, params: PackParams) -> Any:
    offsets = np.searchsorted(stream.starts, np.arange(stream.count(params) + 1) * params.length)
    starts = (stream.starts[: offsets[-1]] % params.length).astype(np.uint32)
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(starts))


def _index(stream: _Stream, params: PackParams, shard: CID) -> pa.Table:
    begins = np.arange(stream.count(params), dtype=np.int64) * params.length
    first = stream.at(begins)
    columns: list[Any] = [
        pa.repeat(pa.scalar(str(shard), pa.large_string()), len(begins)),
        pa.array(stream.rows[first].astype(np.uint64)),
        pa.array((begins - stream.starts[first]).astype(np.uint64)),
    ]
    return pa.Table.from_arrays(columns, schema=INDEX)


@pack_shard.traced
def _pack_origins(
    ctx: Context, params: ShardParams, inputs: Inputs, output: str, rows: Sequence[int]
) -> list[Traced]:
    (shard,) = inputs["data"]
    stream = _stream(ctx, params, shard)
    begins = np.asarray(rows, np.int64) * params.length
    first = stream.at(begins)
    last = first if output == "index" else stream.at(np.minimum(begins + params.length, stream.size) - 1)

    def one(a: int, b: int) -> Traced:
        documents = stream.rows[a : min(b + 1, a + _TRACED)].tolist()
        origins = tuple(Origin("data", 0, row) for row in documents)
        return Traced(origins, (("tokens.pack", "packed"),), b + 1 - a - len(origins))

    return [one(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True)]


@step
class Pack(GlobalStep):
    """Cut a stream of tokens in rows of one length, for training.

    Rule: per shard, the ids of all documents in order, each followed by `eos` where given, are cut every
    `length` ids; a rest shorter than that is dropped or filled up with `pad`. Other columns are left out. The
    input is sealed, so that the rows depend on the documents and their order alone, and a change in one place
    leaves other shards as they are. Documents are cut where a row ends; choosing documents so that rows are
    filled without cuts is no part of this.
    Output `index`: for each packed row, in the same order, the document that it begins with: `shard`, the CID
    of the sealed input's shard, `row`, the document's number in it, and `offset`, how many of the document's
    ids (its `eos` among them) stand in rows before. With `starts` that names the document of every token.
    Source: the packing of GPT-style training sets; no project's code.
    """

    name = "tokens.pack"
    version = 1
    params = PackParams
    sealed_input = True
    outputs = ("out", "index")

    def schema(self, params: PackParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """A column of lists of `length`, and the starts where they are asked for; the index."""
        need(schemas["data"], [params.column], self.name)
        found = schemas["data"].field(params.column).type
        if not (pa.types.is_large_list(found) and found.value_type in (pa.uint16(), pa.uint32())):
            raise ParameterError(
                f"{self.name}: column {params.column!r} holds {found}, not lists of token ids",
                next_step="put tokens.encode before it",
            )
        if params.boundaries and params.column == STARTS:
            raise ParameterError(f"{self.name}: with `boundaries` the ids can't stand in a column {STARTS!r}")
        types: list[Any] = [pa.list_(pa.field("item", found.value_type), params.length)]
        if params.boundaries:
            types.append(pa.large_list(pa.field("item", pa.uint32())))
        return {"out": pa.schema(list(zip(_names(params), types, strict=True))), "index": INDEX}

    def plan(
        self, params: PackParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """One task a shard."""
        data = inputs["data"]
        schemas = self.schema(params, {"data": data.schema})
        asked = ShardParams(**params.model_dump(), index="index" in wanted)
        tasks = tuple(planner.task("tokens.pack/shard", 1, asked, data=[p.cid]) for p in data.parts)
        results = (yield Stage(self.name, tasks)) if tasks else ()
        names = ["out", *(["index"] if asked.index else [])]
        return {
            name: Parts(schemas[name], tuple(Part.of(o) for o in outputs(results, name) if o.rows))
            for name in names
        }
