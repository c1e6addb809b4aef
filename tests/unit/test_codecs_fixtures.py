"""The published IPLD codec fixtures, positive and negative."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cid_store import codecs
from cid_store.cid import CID
from cid_store.codecs import dag_cbor, dag_json, dag_pb
from cid_store.errors import DecodeError, EncodeError, UnsupportedCodec
from tests.fixtures import shared


def _cases() -> list[Path]:
    return sorted(p for p in shared("ipld-codec-fixtures/fixtures").iterdir() if p.is_dir())


def _values(folder: Path) -> dict[str, object]:
    """The value of each encoding in `folder`, as data model forms, by codec name."""
    values: dict[str, object] = {}
    for file in folder.iterdir():
        codec = codecs.by_name(file.suffix[1:])
        data = file.read_bytes()
        CID(file.stem).check(data)
        value = codec.decode(data)
        assert codec.encode(value) == data, file
        values[codec.name] = dag_pb.to_value(value) if codec is dag_pb else value
        assert set(codec.links(data)) == set(_links_in(values[codec.name])), file
    return values


def _links_in(value: object) -> list[CID]:
    if isinstance(value, CID):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [link for child in children for link in _links_in(child)]


def test_every_encoding_is_reproduced_and_all_mean_the_same() -> None:
    cases = _cases()
    assert len(cases) > 60
    for folder in cases:
        first, *rest = _values(folder).values()
        assert all(value == first for value in rest), folder.name


def _negative(codec: str, kind: str) -> list[dict[str, object]]:
    folder = shared(f"ipld-codec-fixtures/negative-fixtures/{codec}/{kind}")
    return [case for file in sorted(folder.glob("*.json")) for case in json.loads(file.read_text())]


@pytest.mark.parametrize("name", ["dag-cbor", "dag-json", "dag-pb"])
def test_negative_decode(name: str) -> None:
    for case in _negative(name, "decode"):
        with pytest.raises(DecodeError):
            codecs.by_name(name).decode(bytes.fromhex(str(case["hex"])))


def test_negative_dag_pb_encode() -> None:
    cases = _negative("dag-pb", "encode")
    assert len(cases) > 50
    for case in cases:
        text = json.dumps(case["dag-json"], separators=(",", ":"), sort_keys=True)
        value = dag_json.decode(text.encode())
        with pytest.raises(EncodeError):
            dag_pb.encode(dag_pb.from_value(value))


def test_strict_dag_cbor_vectors() -> None:
    vectors = json.loads(shared("vectors/dag-cbor-strict.json").read_text())
    for name, text in vectors["must_reject"].items():
        with pytest.raises(DecodeError):
            dag_cbor.decode(bytes.fromhex(text))
            pytest.fail(f"accepted: {name}")
    for text in vectors["must_not_become_link"].values():
        data = bytes.fromhex(text)
        value = dag_cbor.decode(data)
        assert all(type(part) is bytes for part in value.values())
        assert dag_cbor.encode(value) == data
        assert list(dag_cbor.links(data)) == []


def test_codecs_are_found_by_code_and_name() -> None:
    for codec in (codecs.raw, dag_pb, dag_cbor, dag_json):
        assert codecs.by_code(codec.code) is codecs.by_name(codec.name) is codec
    with pytest.raises(UnsupportedCodec, match="0x78"):
        codecs.by_code(0x78)
    with pytest.raises(UnsupportedCodec, match="git-raw"):
        codecs.by_name("git-raw")


def test_raw_is_bytes_without_links() -> None:
    assert codecs.raw.encode(codecs.raw.decode(b"abc")) == b"abc"
    assert list(codecs.raw.links(CID.make(0x55, b"").binary)) == []
    with pytest.raises(EncodeError):
        codecs.raw.encode("text")  # type: ignore[arg-type]
