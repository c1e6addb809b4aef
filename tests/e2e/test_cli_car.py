"""CARs by the command line: made, read, cut, indexed; published ones and hostile ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.car import open_car, read_index, split_car, write_car
from cid_store.car.source import PathSource
from cid_store.cid import CID, RAW
from cid_store.testing import sample
from tests.command import Commands
from tests.fixtures import shared

MIB = 1024 * 1024


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


@pytest.fixture
def made(codata: Commands, tmp_path: Path) -> tuple[Path, str]:
    """The CAR of a folder, and its root."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "big").write_bytes(sample(4 * MIB + 1))
    (folder / "small").write_bytes(b"hello world")
    root: str = codata("add", "--raw", folder, "--name", "tree").value["root"]
    codata("car", "create", "tree", tmp_path / "tree.car")
    return tmp_path / "tree.car", root


def test_a_folder_travels_in_a_car(codata: Commands, made: tuple[Path, str], tmp_path: Path) -> None:
    path, root = made
    listed = codata("car", "ls", path, home=False).value
    verified = codata("car", "verify", path, home=False).value
    assert (listed["root"], verified["root"], verified["complete"]) == (root, root, True)
    assert len(listed["sections"]) == listed["blocks"] == verified["blocks"]
    assert listed["bytes"] == verified["bytes"]
    other = Commands(tmp_path / "other")
    assert other("car", "import", path).value == {
        "root": root,
        "roots": [root],
        "blocks": verified["blocks"],
        "bytes": verified["bytes"],
    }
    assert other("cat", f"{root}/small", json=False).out == b"hello world"
    assert [pin["cid"] for pin in other("pins").value["pins"]] == [root]
    again = codata("car", "create", "tree", path)
    assert (again.code, again.error) == (2, "UsageError")
    before = path.read_bytes()
    assert codata("car", "create", "tree", path, "--force").code == 0
    assert path.read_bytes() == before


def test_split_and_back(codata: Commands, made: tuple[Path, str], tmp_path: Path) -> None:
    path, root = made
    done = codata("car", "split", path, "--size", "2MiB", "--out", tmp_path / "parts", home=False).value
    assert (done["root"], done["blocks"]) == (root, codata("car", "verify", path, home=False).value["blocks"])
    parts = [Path(part["path"]) for part in done["parts"]]
    assert len(parts) > 2
    assert all(part.stat().st_size <= 2 * MIB for part in parts)
    assert sum(part["bytes"] for part in done["parts"]) == done["bytes"]
    assert [p.read_bytes() for p in parts] == [p.read_bytes() for p in split_car(path, 2 * MIB, tmp_path)]
    other = Commands(tmp_path / "other")
    for part in parts:
        other("car", "import", part)
    assert other("get", root, tmp_path / "back").value["bytes"] == 4 * MIB + 12
    again = ["car", "split", path, "--size", "4MiB", "--out", tmp_path / "parts"]
    assert codata(*again, home=False).error == "UsageError"
    fewer = codata(*again, "--force", home=False).value["parts"]
    assert sorted((tmp_path / "parts").iterdir()) == [Path(part["path"]) for part in fewer]
    for size in ("10", "half", "1MB"):
        assert codata("car", "split", path, "--size", size, "--out", tmp_path / "x", home=False).code in (
            2,
            4,
        )
    assert not list((tmp_path / "x").iterdir())


def test_an_index_points_at_its_blocks(codata: Commands, made: tuple[Path, str], tmp_path: Path) -> None:
    path, root = made
    done = codata("car", "index", path, home=False).value
    assert done["path"] == f"{path}.idx"
    assert done["index_bytes"] == Path(done["path"]).stat().st_size
    entries = {entry.digest: entry.offset for entry in read_index(PathSource(Path(done["path"])))}
    with open_car(path) as car:
        assert entries == {s.cid.digest: s.offset for s in car.sections()}
    assert (done["root"], done["blocks"]) == (root, len(entries))


@pytest.mark.parametrize(
    ("name", "roots", "blocks", "complete"),
    [
        ("comic-no-roots", 0, 3, True),
        ("comic", 1, 3, True),
        ("multi-root", 2, 1, False),
        ("missing-root-block", 1, 0, False),
    ],
)
def test_published_cars_with_odd_roots(
    codata: Commands, name: str, roots: int, blocks: int, complete: bool
) -> None:
    path = shared(f"storacha-ipfs-car/test/fixtures/{name}.car")
    ran = codata("car", "verify", path, home=False)
    assert ran.code == (0 if complete else 4)
    assert (len(ran.value["roots"]), ran.value["blocks"], ran.value["complete"]) == (roots, blocks, complete)
    assert bool(ran.value["missing"]) is not complete
    brought = codata("car", "import", path).value
    assert (len(brought["roots"]), brought["blocks"]) == (roots, blocks)
    assert (brought["root"] is None) is (roots == 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("go-car/cmd/car/testdata/inputs/badheaderlength.car", "SectionTooLarge"),
        ("go-car/v2/testdata/sample-v1-with-zero-len-section.car", "ZeroLengthSection"),
    ],
)
@pytest.mark.parametrize("command", ["verify", "ls", "import", "index"])
def test_published_hostile_cars(codata: Commands, tmp_path: Path, name: str, kind: str, command: str) -> None:
    extra = ["--out", tmp_path / "idx"] if command == "index" else []
    ran = codata("car", command, shared(name), *extra, home=command == "import")
    assert (ran.code, ran.error) == (4, kind)
    assert not list(tmp_path.glob("idx*"))


def test_damage_is_named(codata: Commands, made: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = made
    good = path.read_bytes()
    bad = tmp_path / "bad.car"
    for content, kind in [
        (good[:-1] + bytes([good[-1] ^ 1]), "CorruptBlock"),
        (good[:-1], "TruncatedCar"),
        (b"", "TruncatedCar"),
        (b"\x05hello", "BadCarHeader"),
    ]:
        bad.write_bytes(content)
        for command in ("verify", "import"):
            ran = codata("car", command, bad, home=command == "import")
            assert (ran.code, ran.error) == (4, kind), command
    with bad.open("wb") as file:
        write_car(file, [], [Block(CID.make(RAW, b"right"), b"wrong")])
    ran = codata("car", "verify", bad, home=False)
    assert (ran.error, ran.value["error"]["cid"]) == ("CorruptBlock", CID.make(RAW, b"right"))
    assert codata("car", "verify", tmp_path / "absent", home=False).code == 2
