"""Tokenizers: a file's bytes to a function from text to ids.

Formats: `tekken` (JSON with `config` and `vocab`, as published by Mistral AI), `tiktoken` (lines of base64
and rank), `huggingface` (tokenizer.json), `sentencepiece` (a `.model` file). The first two run on tiktoken,
the others on the libraries of their names.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import tiktoken

from codata.errors import NotCheckable, ParameterError

Format = Literal["tekken", "tiktoken", "huggingface", "sentencepiece"]

MAX_FILE: Final = 128 * 1024 * 1024
"""Bytes of a tokenizer's file; the largest in use are some 35 MB."""

MAX_TOKENS: Final = 1 << 24


BATCH: Final = 256
"""Texts that a library is given at once: what it makes of them is held beside the texts."""


@dataclass(frozen=True)
class Tokenizer:
    """`encode` gives each text's ids less `first`, special tokens never read from text; ids lie below
    `size`."""

    size: int
    encode: Callable[[Iterable[str]], Iterator[list[int]]]
    first: int = 0


def load(data: bytes, kind: Format, pattern: str | None) -> Tokenizer:
    """The tokenizer of a file; raises `ParameterError` for bytes that are not of the format."""
    try:
        if kind == "tekken":
            return _tekken(json.loads(data))
        if kind == "tiktoken":
            return _ranks(dict(_lines(data)), pattern or "", 0)
        if kind == "sentencepiece":
            return _sentencepiece(data)
        return _huggingface(data.decode())
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise ParameterError(
            f"the tokenizer's file is not of format {kind!r}: {e}",
            next_step="check the file, or state its `format`",
        ) from None


def _tekken(value: Any) -> Tokenizer:
    config = value["config"]
    special, size = config["default_num_special_tokens"], config["default_vocab_size"]
    if not (isinstance(special, int) and isinstance(size, int) and 0 <= special < size <= MAX_TOKENS):
        raise ValueError("the sizes in `config` contradict each other")
    # The vocabulary is longer than what a model uses of it; ids of special tokens come first.
    entries = value["vocab"][: size - special]
    ranks = {base64.b64decode(e["token_bytes"], validate=True): int(e["rank"]) for e in entries}
    return _ranks(ranks, config["pattern"], special)


def _lines(data: bytes) -> Iterator[tuple[bytes, int]]:
    for line in data.splitlines():
        if not line:
            continue  # as tiktoken's own reader passes over it
        token, rank = line.split()
        try:
            yield base64.b64decode(token, validate=True), int(rank)
        except binascii.Error as e:
            raise ValueError(f"a token is not base64: {e}") from None


def _ranks(ranks: dict[bytes, int], pattern: str, special: int) -> Tokenizer:
    if not pattern:
        raise ValueError("ranks alone do not say where text is split: give `pattern`")
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise ValueError("the ranks are not the numbers from 0 on, each once")
    # tiktoken ends the process on a byte that it has no token for.
    if any(bytes([b]) not in ranks for b in range(256)):
        raise ValueError("there is a byte without a token")
    encoding = tiktoken.Encoding("codata", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    def encode(texts: Iterable[str]) -> Iterator[list[int]]:
        return map(encoding.encode_ordinary, texts)

    return Tokenizer(len(ranks) + special, encode, special)


def _huggingface(text: str) -> Tokenizer:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise NotCheckable(
            "tokenizer.json files need the package tokenizers",
            next_step="install codata-pipeline[tokenizers]",
        ) from None
    try:
        found = tokenizers.Tokenizer.from_str(text)
    except Exception as e:  # noqa: BLE001  the binding raises plain Exception
        raise ValueError(str(e)) from None
    found.no_truncation()
    found.no_padding()

    def encode(texts: Iterable[str]) -> Iterator[list[int]]:
        for batch in _batches(texts):
            for encoded in found.encode_batch_fast(batch, add_special_tokens=False):
                yield encoded.ids

    return Tokenizer(found.get_vocab_size(), encode)


def _sentencepiece(data: bytes) -> Tokenizer:
    try:
        from sentencepiece import SentencePieceProcessor
    except ModuleNotFoundError:
        raise NotCheckable(
            ".model files need the package sentencepiece",
            next_step="install codata-pipeline[sentencepiece]",
        ) from None
    if not data:
        raise ValueError("it is empty")
    try:
        found = SentencePieceProcessor(model_proto=data)
        size = found.get_piece_size()
    except RuntimeError as e:
        raise ValueError(str(e)) from None

    def encode(texts: Iterable[str]) -> Iterator[list[int]]:
        for batch in _batches(texts):
            yield from found.encode(batch, out_type=int, num_threads=1)

    return Tokenizer(size, encode)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while batch := list(islice(rest, BATCH)):
        yield batch
