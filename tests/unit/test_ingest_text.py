"""Text and whole files, and compressed sources of all text formats."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.errors import LimitExceeded
from codata.errors import MalformedInput
from codata.ingest import by_name, files, ranges
from codata.ingest.base import Memory, Options, Range
from tests.unit.ingest_reading import ingest, rows


@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"\r\n", [""]),
        (b"a\r\nb\r", ["a", "b\r"]),
        (b"a\r\r\nb\rc\r\n", ["a\r", "b\rc"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b"x\x00y\x0bz\xe2\x80\xa8w\n", ["x\x00y\x0bz\u2028w"]),
    ],
)
def test_lines(data: bytes, lines: list[str], target: int) -> None:
    assert [row["text"] for row in rows("text", data, target=target)] == lines


@given(st.text(st.sampled_from("ab\n\ré")), st.integers(1, 30))
def test_any_split_gives_the_same_lines(text: str, target: int) -> None:
    expected = text.replace("\r\n", "\n").split("\n")
    found = [row["text"] for row in rows("text", text.encode(), target=target)]
    assert found == (expected if expected[-1] else expected[:-1])


def test_text_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(MalformedInput, match="file0:3: bytes that are not UTF-8"):
        ingest("text", b"a\n\n\xff\n", target=1)


def test_files_are_rows() -> None:
    options = [Options("a/empty"), Options("b.bin"), Options("c.txt")]
    assert rows("files", b"", b"\xff\x00", b"\xef\xbb\xbfx", options=options) == [
        {"path": "a/empty", "size": 0, "text": "", "bytes": None},
        {"path": "b.bin", "size": 2, "text": None, "bytes": b"\xff\x00"},
        {"path": "c.txt", "size": 4, "text": "\ufeffx", "bytes": None},
    ]


def test_a_file_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 10)
    with pytest.raises(LimitExceeded, match="file0 has 11 bytes"):
        ingest("files", bytes(11))


def compress(codec: str, data: bytes) -> bytes:
    half = len(data) // 2
    if codec == "gzip":
        return gzip.compress(data[:half]) + gzip.compress(data[half:])
    return b"".join(pa.Codec("zstd").compress(part).to_pybytes() for part in (data[:half], data[half:]))


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jsonl", b'{"a": 1, "b": "2020-01-01"}\n' * 900 + b'{"a": 0.5}'),
        ("csv", b"a,b\n" + b'1,"x\n\ny"\n' * 900 + b"0.5,z"),
        ("text", b"line\r\n" * 900 + b"last"),
    ],
)
def test_compressed_sources_read_like_plain_ones(
    name: str, data: bytes, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ingest(name, data)
    monkeypatch.setattr(ranges, "TARGET", 300)
    monkeypatch.setattr(ranges, "_CHUNK", 256)
    packed = compress(codec, data)
    module = by_name(name)
    assert module.split(Memory(packed), Options(), 1) == [Range(0, len(packed))]
    assert len(list(module.scan(Memory(packed), Range(0, len(packed)), Options()))) > 5
    assert ingest(name, packed).equals(plain)


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_places_in_compressed_sources_count_from_the_beginning(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "TARGET", 300)
    monkeypatch.setattr(ranges, "_CHUNK", 256)
    with pytest.raises(MalformedInput, match="file0:901: "):
        ingest("jsonl", compress(codec, b'{"a": 1}\n' * 900 + b"{\n"))
    with pytest.raises(MalformedInput, match="file0:902: "):
        ingest("csv", compress(codec, b"a\n" + b"1\n" * 900 + b"1,2\n"))


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_damaged_streams_are_refused(codec: str) -> None:
    packed = compress(codec, b"line\n" * 100)
    for data in (packed[:-3], packed + b"rest"):
        with pytest.raises(MalformedInput, match=r"file0: the .* stream is damaged"):
            ingest("text", data)


def test_a_bomb_stops_at_the_record_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "TARGET", 1 << 16)
    monkeypatch.setattr(ranges, "MAX_RECORD", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20))
    before = pa.total_allocated_bytes()
    with pytest.raises(LimitExceeded, match="a record near byte 0 is longer"):
        ingest("text", bomb)
    assert pa.total_allocated_bytes() - before < 8 << 20
