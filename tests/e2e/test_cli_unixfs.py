"""Files and folders as they are, by the command line: in, listed, read by path, and out again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.stores import open_store
from cid_store.testing import sample
from cid_store.unixfs import V1_2025, Built
from cid_store.unixfs.build import small_file
from cid_store.unixfs.directory import build_directory, build_symlink
from tests.command import Commands
from tests.fixtures import shared


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub" / "empty").mkdir(parents=True)
    (top / "a.txt").write_bytes(b"hello world")
    (top / "sub" / "big.bin").write_bytes(sample(3_000_000))
    (top / "sub" / "link").symlink_to("big.bin")
    (top / ".hidden").write_bytes(b"secret")
    return top


def contents(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        else:
            found[str(path.relative_to(folder))] = "folder" if path.is_dir() else path.read_bytes()
    return found


def test_a_folder_goes_in_and_comes_out(codata: Commands, tree: Path, tmp_path: Path) -> None:
    added = codata("add", "--raw", tree, "--name", "tree").value
    assert added.keys() == {"root", "bytes", "new_bytes"}
    assert added["bytes"] == 3_000_011
    assert added["new_bytes"] >= 3_000_011
    assert codata("cid", tree, home=False).value == {"cid": added["root"], "bytes": 3_000_011}
    assert codata("add", "--raw", tree).value["new_bytes"] == 0
    got = codata("get", "tree", tmp_path / "out").value
    assert (got["files"], got["directories"], got["symlinks"], got["bytes"]) == (2, 3, 1, 3_000_011)
    (tree / ".hidden").unlink()
    assert contents(tmp_path / "out") == contents(tree)


def test_modes_and_times_are_kept_when_asked_for(codata: Commands, tree: Path) -> None:
    for round_, flags in enumerate(([], ["--mode"], ["--mtime"], ["--mode", "--mtime"])):
        before = codata("cid", tree, *flags, home=False).value["cid"]
        assert codata("add", "--raw", tree, *flags).value["root"] == before
        (tree / "a.txt").chmod(0o600 if (tree / "a.txt").stat().st_mode & 0o077 else 0o644)
        os.utime(tree / "a.txt", (0, 1_000_000_000 + round_))
        assert (codata("cid", tree, *flags, home=False).value["cid"] != before) == bool(flags)


def test_hidden_files_are_kept_when_asked_for(codata: Commands, tree: Path) -> None:
    plain, hidden = codata("add", "--raw", tree).value, codata("add", "--raw", tree, "--hidden").value
    assert hidden["bytes"] == plain["bytes"] + 6
    assert codata("cid", tree, "--hidden", home=False).value["cid"] == hidden["root"]
    names = [e["name"] for e in codata("ls", hidden["root"]).value["entries"]]
    assert names == [".hidden", "a.txt", "sub"]


@pytest.mark.parametrize("form", ["tree/{}", "{root}/{}", "/ipfs/{root}/{}", "ipfs://{root}/{}"])
def test_a_path_serves_where_a_ref_does(codata: Commands, tree: Path, form: str) -> None:
    root = codata("add", "--raw", tree, "--name", "tree").value["root"]

    def ref(path: str) -> str:
        return form.format(path, root=root)

    assert codata("cat", ref("a.txt"), json=False).out == b"hello world"
    big = codata("cid", tree / "sub" / "big.bin", home=False).value["cid"]
    listed = codata("ls", ref("sub")).value
    assert listed["kind"] == "directory"
    assert listed["entries"][0] == {"name": "big.bin", "kind": "file", "bytes": 3_000_000, "cid": big}
    assert [(e["name"], e["kind"]) for e in listed["entries"][1:]] == [
        ("empty", "directory"),
        ("link", "symlink"),
    ]
    assert codata("name", "big", ref("sub/big.bin")).value["cid"] == big
    assert codata("show", ref("sub")).value["cid"] == listed["root"]
    assert codata("pin", ref("sub")).value["root"] == listed["root"]
    assert codata("ls", ref("a.txt")).value["entries"][0]["bytes"] == 11


def test_a_file_on_stdout(codata: Commands, tree: Path) -> None:
    codata("add", "--raw", tree, "--name", "tree")
    assert codata("get", "tree/sub/big.bin", "-", json=False).out == sample(3_000_000)
    assert codata("get", "tree/a.txt", "-").error == "UsageError"
    ran = codata("cat", "tree/sub", json=False)
    assert (ran.code, ran.out) == (2, b"")


def test_an_empty_path_is_not_the_folder_that_one_stands_in(codata: Commands) -> None:
    for command in (["add", "--raw", ""], ["add", ""], ["cid", ""], ["ls", "--home", ""]):
        ran = codata(*command, home="--home" not in command and command[0] != "cid")
        assert ran.code == 2
        assert "empty" in ran.value["error"]["message"]


def test_a_folder_of_more_entries_than_allowed(codata: Commands, tree: Path, tmp_path: Path) -> None:
    codata("add", "--raw", tree, "--name", "tree")
    ran = codata("get", "tree", tmp_path / "out", "--max-entries", 5)
    assert (ran.code, ran.error) == (4, "LimitExceeded")
    assert codata("get", "tree", tmp_path / "out", "--max-entries", 6, "--force").code == 0


def test_names_that_are_not_there(codata: Commands, tree: Path, tmp_path: Path) -> None:
    root = codata("add", "--raw", tree, "--name", "tree").value["root"]
    for ref, kind in [
        ("tree/nope", "PathNotFound"),
        ("tree/a.txt/x", "NotADirectory"),
        ("tree/../x", "UsageError"),
        ("other/a.txt", "UnknownName"),
        (f"{root[:-1]}/a", "UnknownName"),
    ]:
        ran = codata("get", ref, tmp_path / "out")
        assert (ran.code, ran.error) == (2, kind), ref
    assert not (tmp_path / "out").exists()


def test_a_name_is_forgotten_only_when_nothing_else_was_meant(codata: Commands, tree: Path) -> None:
    codata("add", "--raw", tree, "--name", "tree")
    ran = codata("name", "tree", "--remove", "other")
    assert (ran.code, ran.error) == (2, "UsageError")
    assert codata("ls", "tree").code == 0
    assert codata("name", "tree", "--remove").code == 0
    assert codata("ls", "tree").error == "UnknownName"


def test_what_is_both_a_name_and_a_path_is_an_error(
    codata: Commands, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = codata("add", "--raw", tree, "--name", "tree").value["root"]
    monkeypatch.chdir(tmp_path)
    for ref in ("tree", "tree/a.txt"):
        ran = codata("ls", ref)
        assert (ran.code, ran.error) == (2, "UsageError")
        assert root in ran.value["error"]["next"]
    assert codata("ls", f"{root}/a.txt").code == 0


def test_nothing_is_replaced_unasked(codata: Commands, tree: Path, tmp_path: Path) -> None:
    codata("add", "--raw", tree, "--name", "tree")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("mine")
    assert codata("get", "tree", tmp_path / "out").error == "AlreadyExists"
    assert (tmp_path / "out" / "a.txt").read_text() == "mine"
    assert codata("get", "tree", tmp_path / "out", "--force").code == 0
    assert (tmp_path / "out" / "a.txt").read_text() == "hello world"


def test_a_missing_block_is_named(codata: Commands, tree: Path, tmp_path: Path) -> None:
    root = codata("add", "--raw", tree, "--name", "tree").value["root"]
    big = codata("ls", f"{root}/sub").value["entries"][0]["cid"]
    with open_store(str(tmp_path / "home" / "store")) as store:
        store.delete([CID(big)])
    for command in (["cat", "tree/sub/big.bin"], ["get", "tree", str(tmp_path / "out")]):
        ran = codata(*command, json=False)
        assert ran.code == 4
        assert big in ran.err


def hostile(tmp_path: Path) -> dict[str, CID]:
    """Folders that try to leave theirs, kept in the home's store."""
    blocks: list[Block] = []
    file = small_file(V1_2025, blocks.append, b"x")
    evil: dict[str, Built] = {}
    for target in (b"/etc/passwd", b"../../outside"):
        link = build_symlink(V1_2025, blocks.append, target)
        evil[target.decode()] = build_directory(V1_2025, blocks.append, [("link", link)])
    evil["long"] = build_directory(V1_2025, blocks.append, [("n" * 300, file)])
    evil["case"] = build_directory(V1_2025, blocks.append, [("a", file), ("A", file)])
    evil["bell"] = build_directory(V1_2025, blocks.append, [("\x1b]0;owned\x07", file)])
    with open_store(str(tmp_path / "home" / "store")) as store:
        store.put_many(blocks)
    return {name: built.cid for name, built in evil.items()}


def test_an_export_does_not_leave_its_folder(codata: Commands, tmp_path: Path) -> None:
    for name, cid in hostile(tmp_path).items():
        if name != "bell":
            ran = codata("get", cid, tmp_path / f"out-{cid}")
            assert (ran.code, ran.error) == (4, "UnsafeName"), name
    assert not list(tmp_path.glob("outside*"))


def test_a_name_does_not_command_the_terminal(codata: Commands, tmp_path: Path) -> None:
    listing = codata("ls", hostile(tmp_path)["bell"], json=False)
    assert listing.code == 0
    assert b"\x1b" not in listing.out
    assert b"owned" in listing.out


def test_only_one_path_is_raw(codata: Commands, tree: Path, tmp_path: Path) -> None:
    assert codata("add", "--raw", tree, tree / "a.txt").error == "UsageError"
    assert codata("add", "--raw", tmp_path / "absent").code == 2
    assert codata("add", "--raw", tree, "--profile", "unixfs-v9").error == "UsageError"


def test_published_cids_of_both_profiles(codata: Commands, tmp_path: Path) -> None:
    published = json.loads(shared("vectors/ipip-0499.json").read_text())["files"]
    plain = [entry for entry in published if "content" in entry]
    assert {entry["profile"] for entry in plain} == {"unixfs-v1-2025", "unixfs-v0-2015"}
    for entry in plain:
        (tmp_path / "file").write_text(entry["content"])
        added = codata("add", "--raw", tmp_path / "file", "--profile", entry["profile"]).value
        named = codata("cid", tmp_path / "file", "--profile", entry["profile"], home=False).value
        assert added["root"] == named["cid"] == entry["cid"]
        assert codata("cat", entry["cid"], json=False).out == entry["content"].encode()
