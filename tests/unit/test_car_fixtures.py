"""The CARs of other implementations."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest

from cid_store import varint
from cid_store.car import (
    INDEX_SORTED,
    BadCarHeader,
    SectionTooLarge,
    ZeroLengthSection,
    car_size,
    index_car,
    open_car,
    read_index,
    verify_car,
    write_car,
    write_car_v2,
    write_index,
)
from cid_store.car.source import FileSource
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CorruptBlock, DecodeError, LimitExceeded
from tests.fixtures import shared

SAMPLE = "go-car/v2/testdata/"
BROKEN = {"badheaderlength.car", "sample-v1-with-zero-len-section.car"}


def _cars() -> list[Path]:
    root = shared("go-car").parent
    return sorted(p for p in [*root.rglob("*.car"), *root.rglob("*.carv2")] if p.name not in BROKEN)


def test_every_published_car_verifies_and_is_written_again_with_the_same_bytes() -> None:
    cars = _cars()
    assert len(cars) > 50
    for path in cars:
        report = verify_car(path)
        assert report.blocks or path.name == "missing-root-block.car"
        with open_car(path) as car:
            blocks = list(car.blocks())
            sections = list(car.sections())
            assert [s.cid for s in sections] == [b.cid for b in blocks]
            assert [s.block_length for s in sections] == [len(b.data) for b in blocks]
            out = io.BytesIO()
            write_car(out, car.roots, blocks, duplicates=True, identity=True)
            assert car_size(car.roots, [(b.cid, len(b.data)) for b in blocks]) == len(out.getvalue())
            data = path.read_bytes()
            if car.header_v2:
                at = car.header_v2.data_offset
                data = data[at : at + car.header_v2.data_size]
            assert out.getvalue() == data, path


@pytest.mark.parametrize("name", ["carv1-basic", "carv2-basic"])
def test_places_are_those_published(name: str) -> None:
    folder = shared(f"ipld-ipld/transport/car/fixture/{name}")
    published = json.loads((folder / f"{name}.json").read_text())
    with open_car(folder / f"{name}.car") as car:
        sections = list(car.sections())
        base = car.header_v2.data_offset if car.header_v2 else 0
        for section, expected in zip(sections, published["blocks"], strict=True):
            found = {
                "cid": {"/": section.cid},
                "offset": section.offset + base,
                "length": section.length,
                "blockOffset": section.block_offset + base,
                "blockLength": section.block_length,
            }
            assert found == {key: expected[key] for key in found}
            assert car.get(section.cid) == list(car.blocks())[sections.index(section)].data


def test_completeness() -> None:
    def missing(path: str) -> tuple[int, int]:
        report = verify_car(shared(path))
        assert report.complete == (not report.missing and not report.missing_roots)
        return len(report.missing_roots), len(report.missing)

    conformance = "gateway-conformance/trustless_gateway_car/"
    assert missing(conformance + "file-3k-and-3-blocks-missing-block.car") == (0, 1)
    assert missing(conformance + "dir-with-duplicate-files.car") == (0, 0)
    assert missing("go-car/cmd/car/testdata/inputs/simple-unixfs-missing-blocks.car") == (0, 3)
    assert missing("kubo/test/sharness/t0054-dag-car-import-export-data/partial-dag-scope-entity.car")[1] > 0
    assert missing("storacha-ipfs-car/test/fixtures/missing-root-block.car") == (1, 0)
    assert missing("storacha-ipfs-car/test/fixtures/multi-root.car") == (1, 0)
    assert missing("storacha-ipfs-car/test/fixtures/comic-no-roots.car") == (0, 0)


def test_names_that_are_roots() -> None:
    for path in shared("helia/packages/car/test/fixtures").glob("*.car"):
        with open_car(path) as car:
            assert car.roots == (CID(path.stem),)


def test_go_car_s_own_file_is_written_byte_for_byte() -> None:
    """A CARv2 of 1049 blocks with a MultihashIndexSorted, as go-car wraps a CARv1."""
    with open_car(shared(SAMPLE + "sample-v1.car")) as car:
        out = io.BytesIO()
        write_car_v2(out, car.roots, car.blocks(), duplicates=True, identity=True)
    assert out.getvalue() == shared(SAMPLE + "sample-wrapped-v2.car").read_bytes()


@pytest.mark.parametrize("name", ["sample-index", "sample-multihash-index-sorted"])
def test_published_indexes_come_back(name: str) -> None:
    data = shared(f"{SAMPLE}{name}.carindex").read_bytes()
    entries = read_index(FileSource(io.BytesIO(data)))
    out = io.BytesIO()
    write_index(out, entries, varint.decode(data)[0])
    assert out.getvalue() == data


def test_an_index_is_made_from_sections() -> None:
    out = io.BytesIO()
    index_car(shared(SAMPLE + "sample-v1.car"), out)
    assert out.getvalue() == shared(SAMPLE + "sample-multihash-index-sorted.carindex").read_bytes()
    out = io.BytesIO()
    index_car(shared(SAMPLE + "sample-v1.car"), out, INDEX_SORTED)
    assert len(read_index(FileSource(io.BytesIO(out.getvalue())))) == 1043


@pytest.mark.parametrize("name", ["sample-wrapped-v2.car", "sample-v2-indexless.car", "sample-v1.car"])
def test_random_access(name: str) -> None:
    with open_car(shared(SAMPLE + name)) as car:
        for block in list(car.blocks())[::37]:
            assert car.get(block.cid) == block.data
        with pytest.raises(BlockNotFound):
            car.get(CID.make(0x55, b"not there"))


def test_the_legacy_index_of_the_specification_s_fixture_is_no_obstacle() -> None:
    with open_car(shared("ipld-ipld/transport/car/fixture/carv2-basic/carv2-basic.car")) as car:
        for block in car.blocks():
            assert car.get(block.cid) == block.data


def test_a_header_that_claims_gigabytes_ends_at_once() -> None:
    with pytest.raises(SectionTooLarge, match="claims"):
        open_car(shared("go-car/cmd/car/testdata/inputs/badheaderlength.car"))


def test_zero_length_sections_are_an_error_unless_they_end_the_file() -> None:
    path = shared(SAMPLE + "sample-v1-with-zero-len-section.car")
    with pytest.raises(ZeroLengthSection):
        verify_car(path)
    assert verify_car(path, zero_is_end=True).blocks > 0


def _fuzz_cases() -> list[Path]:
    roots = (shared("go-car/testdata/fuzz"), shared("go-car/v2/testdata/fuzz"))
    return sorted(p for root in roots for p in root.rglob("*") if p.is_file())


def test_go_car_s_fuzz_corpus_ends_in_named_errors() -> None:
    cases = _fuzz_cases()
    assert cases
    for path in cases:
        line = path.read_text(encoding="utf-8").splitlines()[1]
        literal = line.removeprefix("[]byte(").removesuffix(")")
        # Go writes valid UTF-8 as it is and escapes the rest, byte by byte.
        escaped = "".join(c if ord(c) < 128 else "".join(f"\\x{b:02x}" for b in c.encode()) for c in literal)
        data: bytes = ast.literal_eval("b" + escaped)
        with pytest.raises((DecodeError, LimitExceeded, CorruptBlock)):
            verify_car(io.BytesIO(data))


def test_not_a_car() -> None:
    with pytest.raises(BadCarHeader):
        open_car(shared(SAMPLE + "sample-index.carindex"))
