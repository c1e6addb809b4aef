"""The step `tokens.encode`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from cid_store.cid import CID
from codata.errors import ParameterError
from codata.ops import Context, Params
from codata.steps import Artifact, RowStep, need, step
from codata_jobs import bundled
from codata_jobs.columns import need_text
from codata_jobs.vocabulary import MAX_FILE, Format, Tokenizer, load

Numbers = np.ndarray[Any, np.dtype[Any]]

RUN: Final = 4096
"""Characters of one kind, white space or not, after which a text is cut.

A bound on what one word can cost.
"""

_ENGINES: Final = {"huggingface": "tokenizers", "sentencepiece": "sentencepiece"}

_CACHED: Final = 4
_loaded: dict[tuple[str, Format, str | None], Tokenizer] = {}

_UINT32: Final = "I" if array("I").itemsize == 4 else "L"
_WHITE: Final = np.isin(np.arange(256), [*range(0x09, 0x0E), 0x20])


class EncodeParams(Params):
    """What to encode, and how."""

    column: str = Field(description="The column of texts.")
    tokenizer: Annotated[Artifact, BeforeValidator(bundled.found)] = Field(
        description="A tokenizer's file, or one of the names `tekken` and `mistral-v3`, whose files packages "
        "bring."
    )
    format: Format = Field(description="The file's format. In a job file it follows from the file's name.")
    pattern: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="With format tiktoken, whose files do not have it: the expression that splits text.",
    )
    output: str = Field(default="tokens", min_length=1, description="The column of ids.")
    keep: list[str] = Field(default_factory=list, description="Columns that stay beside the ids.")
    dtype: Literal["uint16", "uint32"] = Field(default="uint32", description="The type of an id.")
    bos: int | None = Field(default=None, ge=0, lt=1 << 32, description="An id put before each text.")
    eos: int | None = Field(default=None, ge=0, lt=1 << 32, description="An id put after each text.")

    @model_validator(mode="before")
    @classmethod
    def _format_of_name(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "format" in raw:
            return raw
        name = raw.get("tokenizer")
        if not isinstance(name, str) or isinstance(name, CID):
            return raw
        found = bundled.format_of(name)
        return raw | {"format": found} if found else raw

    @model_validator(mode="after")
    def _pattern_where_needed(self) -> EncodeParams:
        if (self.format == "tiktoken") != (self.pattern is not None):
            raise ValueError("`pattern` goes with the format tiktoken, and only with it")
        return self

    @property
    def type(self) -> pa.DataType:
        """The type of the output column."""
        return pa.large_list(pa.field("item", pa.uint16() if self.dtype == "uint16" else pa.uint32()))


@step
class Encode(RowStep):
    """Text to token ids.

    Rule: a text is cut after every 4096 characters in a row that are all ASCII white space or all not; the
    ids of the pieces, by the tokenizer's own algorithm, follow each other. Text is only text: a special
    token's name in it is encoded as any other. A null stays null. In format `tekken` an id is rank +
    `default_num_special_tokens`, and ranks from `default_vocab_size - default_num_special_tokens` on are not
    used, as that format's own library does.
    Source: the libraries named, each by its own rules for its format.
    Engines: tiktoken; tokenizers for tokenizer.json; sentencepiece for .model files. The vocabulary is an
    input by its CID.
    """

    name = "tokens.encode"
    version = 1
    engines = ("tiktoken",)
    params = EncodeParams

    def engines_of(self, params: EncodeParams) -> tuple[str, ...]:
        """The library that the format needs."""
        return (_ENGINES.get(params.format, "tiktoken"),)

    def schema(self, params: EncodeParams, schema: pa.Schema) -> pa.Schema:
        """The kept columns, then the tokens."""
        need_text(schema, params.column, self.name)
        need(schema, params.keep, self.name)
        names = [*params.keep, params.output]
        if len(set(names)) != len(names):
            raise ParameterError(f"{self.name}: `keep` and `output` name a column twice")
        kept = [schema.field(name) for name in params.keep]
        return pa.schema([*kept, pa.field(params.output, params.type)])

    def apply(self, params: EncodeParams, table: pa.Table, ctx: Context) -> pa.Table:
        """The kept columns, then the tokens."""
        column = table[params.column].combine_chunks()
        tokens = encode(column, tokenizer(ctx, params), params)
        return table.select(params.keep).append_column(pa.field(params.output, params.type), tokens)


def tokenizer(ctx: Context, params: EncodeParams) -> Tokenizer:
    """The tokenizer of `params`, loaded once in a process."""
    key = (str(params.tokenizer), params.format, params.pattern)
    found = _loaded.get(key)
    if found is None:
        file = ctx.file(params.tokenizer)
        if file.size > MAX_FILE:
            raise ParameterError(
                f"tokens.encode: the tokenizer's file has {file.size} bytes; the limit is {MAX_FILE}"
            )
        found = load(bytes(file.view()), params.format, params.pattern)
        while len(_loaded) >= _CACHED:
            _loaded.pop(next(iter(_loaded)), None)
        _loaded[key] = found
    return found


def encode(column: Any, by: Tokenizer, params: EncodeParams) -> Any:
    """The ids of each text; null for null."""
    wide = np.iinfo(np.uint16).max if params.dtype == "uint16" else np.iinfo(np.uint32).max
    greatest = max(by.size - 1, params.bos or 0, params.eos or 0)
    if greatest > wide:
        raise ParameterError(
            f"tokens.encode: ids up to {greatest} do not fit {params.dtype}",
            next_step="leave `dtype` at uint32",
        )
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    lengths = np.zeros(len(column), np.int64)
    ids, lengths[valid] = _ids(column.drop_null(), by)
    if ids.max(initial=0) > wide:
        raise ParameterError(f"tokens.encode: the tokenizer gave an id of {ids.max()}, more than it has")
    ids = ids.astype(np.uint16 if params.dtype == "uint16" else np.uint32)
    for id_, ends in ((params.bos, 0), (params.eos, 1)):
        if id_ is not None:
            # np.insert counts positions in the array as it was.
            at = np.cumsum(lengths) - (0 if ends else lengths)
            ids = np.insert(ids, at[valid], id_)
            lengths[valid] += 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    nulls = None if valid.all() else pa.array(~valid)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(ids), type=params.type, mask=nulls)


def _ids(texts: Any, by: Tokenizer) -> tuple[Numbers, Numbers]:
    """All ids of texts of which none is null, and how many each text has."""
    cut = _cuttable(texts)
    pieces = [pieces_of(text) if cut else [text] for text in texts.to_pylist()]
    encoded = by.encode(chain.from_iterable(pieces))
    # Straight from lists into numbers of four bytes: a third of what NumPy takes for it.
    ids = array(_UINT32)
    ends = np.empty(len(pieces), np.int64)
    for i, each in enumerate(pieces):
        for _ in each:
            ids.fromlist(next(encoded))
        ends[i] = len(ids)
    return np.frombuffer(ids, np.uint32) + np.uint32(by.first), np.diff(ends, prepend=0)


def _cuttable(texts: Any) -> bool:
    """Whether any text may have to be cut: a run of `RUN` characters has as many bytes at least."""
    offsets = texts.buffers()[1]
    bounds = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[-1]]
    return len(data) >= RUN and bool((np.diff(_turns(_WHITE[data])) >= RUN).any())


def _turns(white: Numbers) -> Numbers:
    """Where runs begin, and the end."""
    return np.flatnonzero(np.concatenate([[True], white[1:] != white[:-1], [True]]))


def pieces_of(text: str) -> list[str]:
    """The text, cut after every `RUN` characters in a row that are all ASCII white space or all not."""
    if len(text) < RUN:
        return [text]
    ends = list(_cuts(text))
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def _cuts(text: str) -> Iterator[int]:
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    starts = _turns(_WHITE[np.minimum(points, 0x80)])
    for i in np.flatnonzero(np.diff(starts) >= RUN):
        yield from range(int(starts[i]) + RUN, int(starts[i + 1]) + 1, RUN)
