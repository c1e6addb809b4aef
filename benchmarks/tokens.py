"""Texts to token ids: tokens.encode beside the library under it, and its task with hashes and receipt.

In one process, by turns, with the vocabulary `tekken` (and `mistral-v3` for SentencePiece), on rows of the
standard library's modules. The library is given a list of str and gives lists of int; we are given an Arrow
column and give one. The ids are compared first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from codata_jobs import bundled
from codata_jobs.tokens_encode import EncodeParams, encode, pieces_of, tokenizer
from codata_jobs.vocabulary import load

from benchmarks import inputs
from benchmarks.pairs import call, compare, options, size_text
from cid_store.stores.memory import MemoryStore
from codata import steps
from codata.execute.context import StoreContext
from codata.execute.perform import perform
from codata.plan.rows import RowsParams, rows
from codata.plan.rows import call as row_call
from codata.plan.stage import Planner

_NOBODY = "did:key:z6MkfGo8byqdR4sLjWw83YW7qvWVyvvwxp7SexUVGx261rxz"


def main(arguments: list[str] | None = None) -> None:
    """Measure both vocabularies."""
    args = options(__doc__, size="16MiB").parse_args(arguments)
    texts = [json.loads(line)["text"] for line in inputs.rows(args.size)]
    size = sum(len(text.encode()) for text in texts)
    for name in bundled.BUNDLED:
        print(f"\n{name}: {size_text(size)} in {len(texts)} texts, in one process\n", flush=True)
        contenders = _contenders(name, texts)
        compare(contenders, "the library alone", args.rounds, args.warm)


def _contenders(name: str, texts: list[str]) -> dict[str, Any]:
    store = MemoryStore()
    context = StoreContext(store)
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    part = context.put_table(table)
    path = bundled.path_of(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed")
    data = Path(path).read_bytes()
    kind = bundled.BUNDLED[name].format
    params = EncodeParams(column="text", tokenizer=store.put_file(data), format=kind)
    plain = _library(name, data)
    ours = tokenizer(context, params)
    made = encode(table["text"].combine_chunks(), ours, params)
    bare = [list(chain.from_iterable(plain(pieces_of(text)))) for text in texts]
    if made.to_pylist() != [[i + ours.first for i in ids] for ids in bare]:
        raise RuntimeError("the ids differ from the library's")
    step = steps.find("tokens.encode")
    assert isinstance(step, steps.RowStep)
    asked = RowsParams(steps=[row_call(step, params)])
    task = Planner(store).task(rows.name, rows.version, asked, data=[part.cid])
    return {
        "the library alone": lambda: call(lambda: plain(texts)),
        "tokens.encode": lambda: call(
            lambda: encode(context.table(part.cid)["text"].combine_chunks(), ours, params)
        ),
        "its task, with hashes and a receipt": lambda: call(lambda: perform(task, store, _NOBODY)),
    }


def _library(name: str, data: bytes) -> Callable[[list[str]], list[list[int]]]:
    if bundled.BUNDLED[name].format == "sentencepiece":
        from sentencepiece import SentencePieceProcessor

        model = SentencePieceProcessor(model_proto=data)
        return lambda texts: model.encode(texts, num_threads=1)
    found = load(data, bundled.BUNDLED[name].format, None)
    return lambda texts: list(found.encode(texts))


if __name__ == "__main__":
    main()
