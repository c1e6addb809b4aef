"""Tokens: every format of vocabulary, hostile files and texts, packing against a plain reference."""

from __future__ import annotations

import base64
import io
import json
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
import tokenizers
from codata_jobs import bundled
from codata_jobs.bundled import Bundled
from codata_jobs.tokens_encode import RUN, pieces_of
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.load import load_tiktoken_bpe

from codata import jobs, ops, steps
from codata.errors import ParameterError
from codata.plan.plan import check_schemas
from codata.table import logical_hash
from tests.driving import Driver

PATTERN = r"\s+|[^\s]+"
RANKS = {bytes([b]): b for b in range(256)} | {b"ab": 256, b"abc": 257, b" a": 258}


def ranks_file() -> bytes:
    return b"".join(base64.b64encode(t) + b" %d\n" % r for t, r in RANKS.items())


def tekken_file(special: int = 10, size: int = 10 + len(RANKS)) -> dict[str, Any]:
    vocab = [
        {"rank": r, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for t, r in RANKS.items()
    ]
    vocab.append({"rank": len(RANKS), "token_bytes": base64.b64encode(b"never used").decode()})
    config = {"pattern": PATTERN, "default_num_special_tokens": special, "default_vocab_size": size}
    return {"config": config, "vocab": vocab}


def huggingface_file() -> bytes:
    words = tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(words)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_truncation(2)
    made.enable_padding()
    return made.to_str().encode()


def encoded(data: bytes, texts: list[Any], **params: Any) -> pa.Table:
    driver = Driver()
    raw = {"column": "text", "tokenizer": driver.store.put_file(data), **params}
    return driver.rows("tokens.encode", raw, pa.table({"text": pa.array(texts, pa.large_string())}))


def test_ranks() -> None:
    made = encoded(ranks_file(), ["abcab", None, "", "ab ä"], format="tiktoken", pattern=PATTERN)
    assert made["tokens"].to_pylist() == [[257, 256], None, [], [256, 32, 195, 164]]
    assert made.schema.field("tokens").type.value_type == pa.uint32()


def test_tekken_ids_come_after_the_special_ones() -> None:
    made = encoded(json.dumps(tekken_file()).encode(), ["abc"], format="tekken", dtype="uint16", bos=1, eos=2)
    assert made["tokens"].to_pylist() == [[1, 267, 2]]
    assert made.schema.field("tokens").type.value_type == pa.uint16()


def test_huggingface_neither_cuts_nor_pads() -> None:
    made = encoded(huggingface_file(), ["a b a c", "a", None], format="huggingface")
    assert made["tokens"].to_pylist() == [[1, 2, 1, 0], [1], None]


def test_sentencepiece_gives_what_its_library_gives() -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    model = io.BytesIO()
    texts = ["the cat sat on the mat", "a dog and a cat", "on and on ä"] * 9
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=40,
        model_type="bpe",
        byte_fallback=False,
        minloglevel=2,
    )
    plain = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    some = [*texts[:3], None, "", "<s> cat </s>", "x" * 5000]
    made = encoded(model.getvalue(), some, format="sentencepiece", dtype="uint16", bos=1)
    wanted = [None if t is None else [1, *chain(*map(plain.encode, pieces_of(t)))] for t in some]
    assert made["tokens"].to_pylist() == wanted
    assert 2 not in made["tokens"].to_pylist()[5]


def test_ids_beyond_the_vocabulary_do_not_wrap() -> None:
    words = tokenizers.models.WordLevel({"[UNK]": 0, "a": 70_000}, unk_token="[UNK]")
    data = tokenizers.Tokenizer(words).to_str().encode()
    assert encoded(data, ["a"], format="huggingface")["tokens"].to_pylist() == [[70_000]]
    with pytest.raises(ParameterError, match="an id of 70000"):
        encoded(data, ["a"], format="huggingface", dtype="uint16")


def test_lines_are_read_as_tiktoken_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")  # it keeps no copy
    data = b"\n" + ranks_file().replace(b" 256\n", b"\t256\r\n\n") + b"\n"
    path = tmp_path / "ranks.tiktoken"
    path.write_bytes(data)
    assert load_tiktoken_bpe(str(path)) == RANKS
    made = encoded(data, ["abab"], format="tiktoken", pattern=PATTERN)
    assert made["tokens"].to_pylist() == [[256, 256]]


def test_special_tokens_in_text_are_text() -> None:
    made = encoded(ranks_file(), ["<|endoftext|>"], format="tiktoken", pattern=PATTERN)
    assert made["tokens"].to_pylist() == [list(b"<|endoftext|>")]


def test_tokens_are_golden() -> None:
    made = encoded(ranks_file(), ["ab abc", None, "x" * 5000], format="tiktoken", pattern=PATTERN, eos=0)
    assert logical_hash(made).hex() == "a8f3594a36b6d7ccc16573e7796153151089f8fbf2b6e5d0b2ae5a2cd5df4fbf"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {}}, "default_num_special_tokens"),
        ({"vocab": []}, "not of format"),
        (tekken_file(size=5), "contradict"),
        (tekken_file(size=1 << 40), "contradict"),
        ({"vocab": tekken_file()["vocab"][1:]}, "ranks are not"),
        ({"vocab": [{"rank": 0, "token_bytes": "?"}]}, "not of format"),
        ({"vocab": [{"rank": i, "token_bytes": "YWI="} for i in range(3)]}, "ranks are not|byte without"),
    ],
)
def test_hostile_vocabularies_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        encoded(json.dumps(tekken_file() | change).encode(), ["a"], format="tekken")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "tekken"),
        (b"[" * 100_000, "tekken"),
        (b"\xff", "huggingface"),
        (b"{}", "huggingface"),
        (b"", "sentencepiece"),
        (b"\xff" * 100, "sentencepiece"),
        (b"YQ== x\n", "tiktoken"),
        (b"YQ==\n", "tiktoken"),
        (b"?? 0\n", "tiktoken"),
        (b"YQ== 0\n", "tiktoken"),
    ],
)
def test_files_of_another_kind_are_refused(data: bytes, kind: str) -> None:
    more = {"pattern": PATTERN} if kind == "tiktoken" else {}
    with pytest.raises(ParameterError, match="not of format"):
        encoded(data, ["a"], format=kind, **more)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(ParameterError, match="not of format"):
        encoded(ranks_file(), ["a"], format="tiktoken", pattern="(")
    with pytest.raises(ParameterError, match="`pattern` goes with the format tiktoken"):
        encoded(ranks_file(), ["a"], format="tiktoken")


def test_a_vocabulary_must_fit_the_type() -> None:
    with pytest.raises(ParameterError, match="do not fit uint16"):
        encoded(ranks_file(), ["a"], format="tiktoken", pattern=PATTERN, dtype="uint16", eos=65536)


def test_keep_and_output_are_checked() -> None:
    driver = Driver()
    raw = {"column": "text", "tokenizer": driver.store.put_file(ranks_file()), "format": "tiktoken"}
    raw |= {"pattern": PATTERN, "keep": ["i"], "output": "ids"}
    table = pa.table({"i": [1], "text": ["a"]})
    assert driver.rows("tokens.encode", raw, table).to_pydict() == {"i": [1], "ids": [[97]]}
    with pytest.raises(ParameterError, match="twice"):
        driver.rows("tokens.encode", raw | {"output": "i"}, table)


# -- long texts --


@given(st.lists(st.tuples(st.sampled_from("a \u00a0中"), st.integers(1, 9000)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_texts_are_cut_by_the_rule(runs: list[tuple[str, int]]) -> None:
    text = "".join(c * n for c, n in runs)
    wanted, count, start = [], 0, 0
    for i, char in enumerate(text):
        count = count + 1 if i and (char == " ") == (text[i - 1] == " ") else 1
        if count == RUN:
            wanted.append(text[start : i + 1])
            start, count = i + 1, 0
    if start < len(text) or not text:
        wanted.append(text[start:])
    assert pieces_of(text) == wanted


def test_a_long_word_is_encoded_in_pieces() -> None:
    text = "ab" * RUN
    made = encoded(ranks_file(), [text], format="tiktoken", pattern=PATTERN)
    assert made["tokens"].to_pylist() == [[256] * RUN]


# -- names, engines, jobs --


def test_a_bundled_name_becomes_the_files_cid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_vocabulary"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "tekken.json").write_text(json.dumps(tekken_file()))
    monkeypatch.syspath_prepend(str(tmp_path))
    one = Bundled("some_vocabulary", "tekken.json", "tekken", "tekken")
    monkeypatch.setattr(bundled, "BUNDLED", {"tekken": one})
    driver = Driver()
    files = resources.files("codata_jobs.ready")
    text = (files / "source-code.yaml").read_text(encoding="utf-8")
    job = jobs.parse(text, jobs.artifacts(driver.store, tmp_path))
    (call,) = [c for c in job.steps if c.step == "tokens.encode"]
    assert call.params["tokenizer"] == driver.store.put_file(json.dumps(tekken_file()).encode())
    assert call.params["format"] == "tekken"


def test_a_bundled_name_whose_package_is_absent_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Bundled("no_such_package_here", "x.json", "tekken", "tekken")
    monkeypatch.setattr(bundled, "BUNDLED", {"tekken": one})
    step = steps.find("tokens.encode")
    with pytest.raises(
        ParameterError, match="comes with the package no_such_package_here, which is not installed"
    ):
        ops.check_params(
            step.params, {"column": "text", "tokenizer": "tekken"}, step.name, {"artifact": lambda name: name}
        )


@pytest.mark.parametrize(
    ("name", "kind", "engine"),
    [
        ("tokenizer.json", "huggingface", "tokenizers"),
        ("x/tekken_1.json", "tekken", "tiktoken"),
        ("tokenizer.model", "sentencepiece", "sentencepiece"),
        ("x/some.model.v3", "sentencepiece", "sentencepiece"),
    ],
)
def test_the_format_follows_from_the_name(name: str, kind: str, engine: str) -> None:
    step = steps.find("tokens.encode")
    cid = Driver().store.put_file(b"x")
    params = ops.check_params(
        step.params, {"column": "t", "tokenizer": name}, step.name, {"artifact": lambda _: cid}
    )
    assert (params.format, step.engines_of(params)) == (kind, (engine,))  # type: ignore[attr-defined]


def test_a_cid_needs_its_format() -> None:
    step = steps.find("tokens.encode")
    with pytest.raises(ParameterError, match="format"):
        ops.check_params(step.params, {"column": "t", "tokenizer": Driver().store.put_file(b"x")}, step.name)


def test_every_ready_made_job_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "BUNDLED", {})
    cid = Driver().store.put_file(b"x")
    found = [f for f in resources.files("codata_jobs.ready").iterdir() if f.name.endswith(".yaml")]
    assert len(found) >= 2
    for file in found:
        text = file.read_text(encoding="utf-8").replace("tokenizer: tekken", "tokenizer: tekken.json")
        job = jobs.parse(text, lambda _: cid, file.name)
        schemas = {"data": pa.schema([("path", pa.large_string()), ("text", pa.large_string())])}
        assert set(check_schemas(job, schemas)) == set(job.outputs)


@pytest.mark.skipif(not bundled.path_of("tekken"), reason="mistral-common is not installed")
def test_the_bundled_vocabulary_is_read_as_its_own_library_reads_it() -> None:
    path = Path(bundled.path_of("tekken") or "")
    value = json.loads(path.read_bytes())
    made = encoded(path.read_bytes(), ["Hello, world"], format="tekken")
    ids = made["tokens"].to_pylist()[0]
    special = value["config"]["default_num_special_tokens"]
    assert (
        b"".join(base64.b64decode(value["vocab"][i - special]["token_bytes"]) for i in ids) == b"Hello, world"
    )


# -- tokens.pack --


def _packed(documents: list[Any], params: dict[str, Any]) -> list[list[int]]:
    stream: list[int] = []
    for document in documents:
        if document is not None:
            stream += [*document, *([params["eos"]] if "eos" in params else [])]
    length = params["length"]
    found = [stream[i : i + length] for i in range(0, len(stream), length)]
    if found and len(found[-1]) < length:
        if params.get("last") == "pad":
            found[-1] += [params["pad"]] * (length - len(found[-1]))
        else:
            found.pop()
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | st.lists(st.integers(0, 9), max_size=7), min_size=1, max_size=9),
    st.integers(1, 6),
    st.sampled_from([{}, {"eos": 11}, {"last": "pad", "pad": 12}, {"eos": 11, "last": "pad", "pad": 0}]),
    st.sampled_from([pa.uint16(), pa.uint32()]),
)
def test_pack_equals_the_reference_shard_by_shard(
    documents: list[Any], length: int, more: dict[str, Any], kind: pa.DataType
) -> None:
    driver = Driver()
    params = {"length": length, **more}
    table = pa.table(
        {"tokens": pa.array(documents, pa.large_list(kind)), "i": pa.array(range(len(documents)))}
    )
    half = len(documents) // 2
    made = driver.table(driver.run("tokens.pack", params, data=driver.parts(table, [half])))
    assert made["tokens"].to_pylist() == _packed(documents[:half], params) + _packed(documents[half:], params)
    assert made.schema.field("tokens").type == pa.list_(pa.field("item", kind), length)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.none() | st.lists(st.integers(0, 9), max_size=7), min_size=1, max_size=9),
    st.integers(1, 6),
    st.sampled_from([{}, {"eos": 11}, {"last": "pad", "pad": 12}, {"eos": 11, "last": "pad", "pad": 0}]),
)
def test_starts_and_index_lead_every_token_to_its_document(
    documents: list[Any], length: int, more: dict[str, Any]
) -> None:
    driver = Driver()
    params = {"length": length, "boundaries": True, **more}
    table = pa.table({"tokens": pa.array(documents, pa.large_list(pa.uint32()))})
    half = len(documents) // 2
    parts = driver.parts(table, [half])
    made = driver.outputs("tokens.pack", params, ["out", "index"], data=parts)
    wanted = [
        {"shard": str(part.cid), **row}
        for part, held in zip(parts.parts, (documents[:half], documents[half:]), strict=True)
        for row in _led(held, params)
    ]
    out, index = driver.table(made["out"]), driver.table(made["index"])
    found = zip(out.to_pylist(), index.to_pylist(), strict=True)
    assert [index_row | row for row, index_row in found] == wanted
    assert driver.table(driver.run("tokens.pack", params, data=parts)).equals(out)


def test_packing_with_boundaries_is_golden() -> None:
    driver = Driver()
    documents = pa.array([[1, 2], None, [], [3, 4, 5]], pa.large_list(pa.uint32()))
    params = {"length": 3, "eos": 9, "boundaries": True}
    parts = driver.parts(pa.table({"tokens": documents}))
    made = driver.outputs("tokens.pack", params, ["out", "index"], data=parts)
    assert driver.table(made["out"]).to_pydict() == {
        "tokens": [[1, 2, 9], [9, 3, 4]],
        "starts": [[0], [0, 1]],
    }
    assert driver.table(made["index"]).drop_columns(["shard"]).to_pydict() == {
        "row": [0, 2],
        "offset": [0, 0],
    }


def _led(documents: list[Any], params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each packed row, with each id's document and place in it."""
    end = [params["eos"]] if "eos" in params else []
    some = [(number, [*ids, *end]) for number, ids in enumerate(documents) if ids is not None]
    stream = [(token, number, place) for number, ids in some for place, token in enumerate(ids)]
    length = params["length"]
    rows = [stream[i : i + length] for i in range(0, len(stream), length)]
    if rows and len(rows[-1]) < length:
        padding = [(params["pad"], -1, -1)] * (length - len(rows[-1])) if "pad" in params else []
        rows = rows[:-1] + ([rows[-1] + padding] if padding else [])
    return [
        {
            "tokens": [token for token, _, _ in row],
            "starts": [i for i, (_, _, place) in enumerate(row) if place == 0],
            "row": row[0][1],
            "offset": row[0][2],
        }
        for row in rows
    ]


def test_starts_need_another_name_than_the_tokens() -> None:
    driver = Driver()
    parts = driver.parts(pa.table({"starts": pa.array([[1]], pa.large_list(pa.uint16()))}))
    with pytest.raises(ParameterError, match="can't stand in a column 'starts'"):
        driver.run("tokens.pack", {"length": 1, "column": "starts", "boundaries": True}, data=parts)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"length": 0}, "length"),
        ({"length": 2, "last": "pad"}, "go together"),
        ({"length": 2, "pad": 1}, "go together"),
        ({"length": 2, "eos": 70_000}, "more than uint16 holds"),
        ({"length": 2, "column": "i"}, "not lists of token ids"),
    ],
)
def test_pack_refuses(params: dict[str, Any], message: str) -> None:
    driver = Driver()
    parts = driver.parts(pa.table({"tokens": pa.array([[1]], pa.large_list(pa.uint16())), "i": [1]}))
    with pytest.raises(ParameterError, match=message):
        driver.run("tokens.pack", params, data=parts)


@pytest.mark.skipif(not bundled.path_of("mistral-v3"), reason="mistral-common is not installed")
def test_the_bundled_model_fits_two_bytes() -> None:
    sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")
    data = Path(bundled.path_of("mistral-v3") or "").read_bytes()
    made = encoded(data, ["Hello, world"], format="sentencepiece", dtype="uint16")
    plain = sentencepiece.SentencePieceProcessor(model_proto=data)
    assert plain.decode(made["tokens"].to_pylist()[0]) == "Hello, world"


def test_ids_equal_those_of_tiktoken() -> None:
    plain = tiktoken.Encoding("plain", pat_str=PATTERN, mergeable_ranks=RANKS, special_tokens={})
    text = "abc ab  ä\n" * 50
    made = encoded(ranks_file(), [text], format="tiktoken", pattern=PATTERN)["tokens"].to_pylist()[0]
    assert made == plain.encode_ordinary(text)
    assert np.max(made) < len(RANKS)
