"""Pieces and deals by the command line."""

from __future__ import annotations

import csv
import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from cid_store.car import verify_car
from cid_store.cid import CID
from cid_store.piece import commp
from cid_store.stores import open_store
from cid_store.testing import sample
from tests.command import Commands
from tests.fixtures import shared

MIB = 1024 * 1024


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


@pytest.fixture
def root(codata: Commands, tmp_path: Path) -> str:
    folder = tmp_path / "tree"
    folder.mkdir()
    for i in range(5):
        (folder / f"{i}.bin").write_bytes(sample(700_000 + i, str(i)))
    (folder / "large.bin").write_bytes(sample(3 * MIB, "large"))
    name: str = codata("add", "--raw", folder, "--name", "tree").value["root"]
    return name


def test_the_piece_of_a_file(codata: Commands, tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(96))
    found = codata("piece", tmp_path / "zeros", home=False).value
    assert found == {
        "piece_cid": "baga6ea4seaqdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy",
        "piece_cid_v2": "bafkzcibcd4bdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy",
        "piece_size": 128,
        "payload_size": 96,
    }
    padded = codata("piece", tmp_path / "zeros", "--piece-size", "1KiB", "-w", "1", home=False).value
    assert (padded["piece_size"], padded["payload_size"]) == (1024, 96)
    small = codata("piece", tmp_path / "zeros", "--piece-size", "100", home=False)
    assert (small.code, small.error) == (2, "InvalidPieceSize")
    assert codata("piece", tmp_path / "absent", home=False).code == 2


def test_a_deal_holds_all_of_a_dataset(codata: Commands, root: str, tmp_path: Path) -> None:
    made = codata("deal", "prepare", "tree", "--piece-size", "2MiB", "--out", tmp_path / "deal").value
    assert made["root"] == root
    seen: set[str] = set()
    for piece in made["pieces"]:
        path = Path(piece["path"])
        report = verify_car(path)
        assert report.roots == (root,)
        assert report.duplicates == 0
        info = commp(path, 1).padded_to(2 * MIB)
        assert (piece["piece_cid"], piece["payload_size"]) == (info.piece_cid, path.stat().st_size)
        cids = {block["cid"] for block in codata("car", "ls", path, home=False).value["sections"]}
        assert seen.isdisjoint(cids)
        seen |= cids
    assert len(made["pieces"]) > 3
    whole = tmp_path / "whole.car"
    codata("car", "create", "tree", whole)
    assert seen == {b["cid"] for b in codata("car", "ls", whole, home=False).value["sections"]}
    with (tmp_path / "deal" / "pieces.csv").open(newline="") as stream:
        assert [row["piece_cid"] for row in csv.DictReader(stream)] == [
            p["piece_cid"] for p in made["pieces"]
        ]
    manifest = json.loads((tmp_path / "deal" / "pieces.json").read_text())
    assert manifest["dataset"] == root
    assert sum(p["fileSize"] for p in manifest["pieces"]) == made["bytes"]


def test_any_number_of_workers_gives_the_same(codata: Commands, root: str, tmp_path: Path) -> None:
    for workers in ("1", "2", "5"):
        codata("deal", "prepare", root, "--piece-size", "4MiB", "--out", tmp_path / workers, "-w", workers)
    files = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(files) > 3
    for workers in ("2", "5"):
        assert sorted(path.name for path in (tmp_path / workers).iterdir()) == files
        for name in files:
            assert (tmp_path / workers / name).read_bytes() == (tmp_path / "1" / name).read_bytes()


def test_an_imported_deal_is_the_dataset(codata: Commands, root: str, tmp_path: Path) -> None:
    codata("deal", "prepare", "tree", "--piece-size", "2MiB", "--out", tmp_path / "deal")
    other = Commands(tmp_path / "other")
    for path in sorted((tmp_path / "deal").glob("*.car")):
        assert other("car", "import", path).code == 0
    assert other("get", root, tmp_path / "back").code == 0
    assert (tmp_path / "back" / "large.bin").read_bytes() == sample(3 * MIB, "large")


@pytest.mark.parametrize("size", ["1000", "128", "64KiB"])
def test_pieces_too_small(codata: Commands, root: str, tmp_path: Path, size: str) -> None:
    ran = codata("deal", "prepare", root, "--piece-size", size, "--out", tmp_path / "deal")
    assert (ran.code, ran.error) == (2, "InvalidPieceSize")
    assert not list(tmp_path.glob("deal/*"))


def test_a_missing_block_leaves_no_manifest(codata: Commands, root: str, tmp_path: Path) -> None:
    large = next(e["cid"] for e in codata("ls", root).value["entries"] if e["name"] == "large.bin")
    with open_store(str(tmp_path / "home" / "store")) as store:
        store.delete([CID(large)])
    ran = codata("deal", "prepare", root, "--piece-size", "2MiB", "--out", tmp_path / "deal")
    assert (ran.code, ran.error) == (4, "BlockNotFound")
    assert not (tmp_path / "deal" / "pieces.json").exists()
    assert not list(tmp_path.glob("deal/*.partial"))


def aggregate(codata: Commands, tmp_path: Path) -> tuple[Path, Any]:
    """A deal of three files, with its proofs."""
    files = []
    for i, size in enumerate((5000, 100, 900)):
        (tmp_path / f"{i}.car").write_bytes(sample(size, str(i)))
        files.append(tmp_path / f"{i}.car")
    proofs = tmp_path / "proofs.json"
    made = codata(
        "deal",
        "aggregate",
        *files,
        "--piece-size",
        "32KiB",
        "--out",
        proofs,
        "--data",
        tmp_path / "deal",
        home=False,
    )
    return proofs, made.value


def test_an_aggregate_is_the_piece_of_its_bytes(codata: Commands, tmp_path: Path) -> None:
    _, made = aggregate(codata, tmp_path)
    assert codata("piece", tmp_path / "deal", home=False).value["piece_cid"] == made["piece_cid"]
    assert [s["name"] for s in made["segments"]] == ["0.car", "1.car", "2.car"]


def test_a_published_aggregate(codata: Commands, tmp_path: Path) -> None:
    folder = shared("go-data-segment/datasegment/testdata/sample_aggregate")
    files = [folder / "cat.png.car", folder / "Verifiable Data Aggregation.png.car"]
    made = codata(
        "deal", "aggregate", *files, "--piece-size", "1MiB", "--data", tmp_path / "deal", home=False
    ).value
    assert made["piece_cid"] == "baga6ea4seaqnqkeoqevjjjfe46wo2lpfclcbmkyms4wkz5srou3vzmr3w3c72bq"
    assert (tmp_path / "deal").read_bytes() == (folder / "deal.data").read_bytes()


def test_proofs_hold_and_false_ones_do_not(codata: Commands, tmp_path: Path) -> None:
    proofs, made = aggregate(codata, tmp_path)
    ran = codata("deal", "verify-inclusion", proofs, home=False)
    assert (ran.code, ran.value["deal"], len(ran.value["pieces"])) == (0, made["piece_cid"], 3)

    def verdict(*path: object, to: object) -> int:
        """The exit code once the value at `path` of the document is another."""
        document = json.loads(proofs.read_text())
        *parents, last = path
        reduce(lambda value, key: value[key], parents, document)[last] = to
        (tmp_path / "bad.json").write_text(json.dumps(document))
        return codata("deal", "verify-inclusion", tmp_path / "bad.json", home=False).code

    first, second = made["segments"][:2]
    second_at = ("segments", 1)
    assert verdict(*second_at, "proof", "data", "index", to=second["proof"]["data"]["index"] + 1) == 3
    assert verdict(*second_at, "proof", "data", "path", to=second["proof"]["data"]["path"][:-1]) == 3
    assert verdict(*second_at, "proof", "index", "path", 0, to="00" * 32) == 3
    assert verdict(*second_at, "piece_cid", to=first["piece_cid"]) == 3
    assert verdict("piece_cid", to=second["piece_cid"]) == 3
    assert verdict(*second_at, "proof", "index", "path", 0, to="zz") == 4
    assert verdict(*second_at, "proof", "index", to=None) == 4
    assert verdict(*second_at, "proof", to={}) == 4
    assert verdict(*second_at, "piece_size", to=1000) == 4
    assert verdict(*second_at, "piece_size", to=True) == 4
    assert verdict(*second_at, "piece_cid", to="x") == 4
    assert verdict(*second_at, "piece_cid", to=7) == 4
    assert verdict("segments", to=5) == 4
    assert verdict("format", to="aggregate/9") == 4


def test_what_is_no_proof(codata: Commands, tmp_path: Path) -> None:
    for content in (b"", b"{", b"[" * 100_000, b"null", b"\xff\xfe"):
        (tmp_path / "x").write_bytes(content)
        ran = codata("deal", "verify-inclusion", tmp_path / "x", home=False)
        assert (ran.code, ran.error) == (4, "DecodeError")
    assert codata("deal", "verify-inclusion", tmp_path / "absent", home=False).code == 2


def test_what_does_not_fit(codata: Commands, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(sample(5000))
    ran = codata("deal", "aggregate", tmp_path / "x", "--piece-size", "8KiB", home=False)
    assert (ran.code, ran.error) == (2, "DoesNotFit")
