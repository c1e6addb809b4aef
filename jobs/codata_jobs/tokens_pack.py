"""The step `tokens.pack`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from codata.errors import ParameterError
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import Part, Parts, Planner, Stage, outputs
from codata.steps import GlobalStep, StepPlan, need, step
from codata.table.types import MAX_LIST_SIZE

Numbers = np.ndarray[Any, np.dtype[Any]]


class PackParams(Params):
    """`eos`: an id put after each document.

    `last`: what becomes of a shard's last, short row; `pad` is the id for it.
    """

    column: str = "tokens"
    length: int = Field(ge=1, le=MAX_LIST_SIZE)
    eos: int | None = Field(default=None, ge=0, lt=1 << 32)
    last: Literal["drop", "pad"] = "drop"
    pad: int | None = Field(default=None, ge=0, lt=1 << 32)

    @model_validator(mode="after")
    def _pad_where_needed(self) -> PackParams:
        if (self.last == "pad") != (self.pad is not None):
            raise ValueError("`last: pad` and `pad: ID` go together")
        return self


@op("tokens.pack/shard", version=1, params=PackParams)
def pack_shard(ctx: Context, params: PackParams, inputs: Inputs) -> Outputs:
    """One shard's documents as rows of one length."""
    (shard,) = inputs["data"]
    column: Any = ctx.table(shard)[params.column].combine_chunks()
    kind = column.type.value_type
    rows = packed(column, params)
    wanted: Any = pa.list_(pa.field("item", kind), params.length)
    values: Any = pa.FixedSizeListArray.from_arrays(pa.array(rows, kind), type=wanted)
    return {"out": ctx.put_table(pa.table({params.column: values}))}


def packed(documents: Any, params: PackParams) -> Numbers:
    """All ids of all rows, one after the other. A null document is none, and has no end of its own."""
    documents = documents.drop_null()
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


@step
class Pack(GlobalStep):
    """Cut a stream of tokens in rows of one length, for training.

    Rule: per shard, the ids of all documents in order, each followed by `eos` where given, are cut every
    `length` ids; a rest shorter than that is dropped or filled up with `pad`. Other columns are left out. The
    input is sealed, so that the rows depend on the documents and their order alone, and a change in one place
    leaves other shards as they are.
    """

    name = "tokens.pack"
    version = 1
    params = PackParams
    sealed_input = True

    def schema(self, params: PackParams, schemas: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """One column of lists of `length`."""
        need(schemas["data"], [params.column], self.name)
        found = schemas["data"].field(params.column).type
        if not (pa.types.is_large_list(found) and found.value_type in (pa.uint16(), pa.uint32())):
            raise ParameterError(
                f"{self.name}: column {params.column!r} holds {found}, not lists of token ids",
                next_step="put tokens.encode before it",
            )
        item = pa.field("item", found.value_type)
        return {"out": pa.schema([pa.field(params.column, pa.list_(item, params.length))])}

    def plan(
        self, params: PackParams, inputs: Mapping[str, Parts], planner: Planner, wanted: frozenset[str]
    ) -> StepPlan:
        """One task a shard."""
        data = inputs["data"]
        schema = self.schema(params, {"data": data.schema})["out"]
        tasks = tuple(planner.task("tokens.pack/shard", 1, params, data=[p.cid]) for p in data.parts)
        results = (yield Stage(self.name, tasks)) if tasks else ()
        return {"out": Parts(schema, tuple(Part.of(o) for o in outputs(results) if o.rows))}
