"""The step `tokens.encode`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from cid_store.cid import CID
from codata.errors import ParameterError
from codata.ops import Context, Params
from codata.steps import Artifact, RowStep, need, step
from codata_jobs.columns import need_text
from codata_jobs.vocabulary import MAX_FILE, Format, Tokenizer, load

Numbers = np.ndarray[Any, np.dtype[Any]]

BUNDLED: Final = {"tekken": ("mistral_common", "data/tekken_240911.json")}
"""Names for files that packages bring: package, path in it.

A record holds the file's CID and never the name.
"""

RUN: Final = 4096
"""Characters of one kind, white space or not, after which a text is cut.

A bound on what one word can cost.
"""

_CACHED: Final = 4
_loaded: dict[tuple[str, Format, str | None], Tokenizer] = {}


def bundled_path(name: str) -> str | None:
    """Where a bundled name's file lies; None where its package is not installed. Imports nothing of it."""
    package, inside = BUNDLED[name]
    found = importlib.util.find_spec(package)
    return None if found is None or found.origin is None else str(Path(found.origin).parent / inside)


def _find_bundled(value: object) -> object:
    if not isinstance(value, str) or isinstance(value, CID) or value not in BUNDLED:
        return value
    path = bundled_path(value)
    if path is None:
        package = BUNDLED[value][0]
        raise ValueError(
            f"tokenizer {value!r} comes with the package {package}, which is not installed: "
            f"pip install 'codata-pipeline[{value}]'"
        )
    return path


class EncodeParams(Params):
    """`tokenizer`: a file, or the name `tekken`. `format` follows from a file's name. `keep`: columns beside
    the tokens.

    `pattern`: the regular expression that splits text, for `.tiktoken` files, which have none inside. `bos`,
    `eos`: ids put before and after each text.
    """

    column: str
    tokenizer: Annotated[Artifact, BeforeValidator(_find_bundled)]
    format: Format
    pattern: str | None = Field(default=None, min_length=1, max_length=4096)
    output: str = Field(default="tokens", min_length=1)
    keep: list[str] = Field(default_factory=list)
    dtype: Literal["uint16", "uint32"] = "uint32"
    bos: int | None = Field(default=None, ge=0, lt=1 << 32)
    eos: int | None = Field(default=None, ge=0, lt=1 << 32)

    @model_validator(mode="before")
    @classmethod
    def _format_of_name(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "format" in raw:
            return raw
        name = raw.get("tokenizer")
        if not isinstance(name, str) or isinstance(name, CID):
            return raw
        if name in BUNDLED or Path(name).name.startswith("tekken"):
            return raw | {"format": "tekken"}
        if name.endswith(".tiktoken"):
            return raw | {"format": "tiktoken"}
        return raw | {"format": "huggingface"} if name.endswith(".json") else raw

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
    Engines: tiktoken, or tokenizers for tokenizer.json; the vocabulary is an input by its CID.
    """

    name = "tokens.encode"
    version = 1
    engines = ("tiktoken",)
    params = EncodeParams

    def engines_of(self, params: EncodeParams) -> tuple[str, ...]:
        """The library that the format needs."""
        return ("tokenizers",) if params.format == "huggingface" else ("tiktoken",)

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
    ids, lengths[valid] = _ids(column.drop_null().to_pylist(), by, params)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = pa.array(ids)
    nulls = None if valid.all() else pa.array(~valid)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values, type=params.type, mask=nulls)


def _ids(texts: Sequence[str], by: Tokenizer, params: EncodeParams) -> tuple[Numbers, Numbers]:
    """All ids, and how many each text has."""
    pieces = [pieces_of(text) for text in texts]
    encoded = by.encode(list(chain.from_iterable(pieces)))
    head = [] if params.bos is None else [params.bos]
    tail = [] if params.eos is None else [params.eos]
    lists = [[*head, *chain.from_iterable(next(encoded) for _ in cut), *tail] for cut in pieces]
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    dtype = np.uint16 if params.dtype == "uint16" else np.uint32
    return np.fromiter(chain.from_iterable(lists), dtype, int(lengths.sum())), lengths


def pieces_of(text: str) -> list[str]:
    """The text, cut after every `RUN` characters in a row that are all ASCII white space or all not."""
    if len(text) < RUN:
        return [text]
    ends = list(_cuts(text))
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def _cuts(text: str) -> Iterator[int]:
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    white = (points == 0x20) | ((points >= 0x09) & (points <= 0x0D))
    starts = np.flatnonzero(np.concatenate([[True], white[1:] != white[:-1], [True]]))
    for i in np.flatnonzero(np.diff(starts) >= RUN):
        yield from range(int(starts[i]) + RUN, int(starts[i + 1]) + 1, RUN)
