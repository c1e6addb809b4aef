"""Writing to disk, and never anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.cid import CID, RAW
from cid_store.codecs.dag_pb import PBLink
from cid_store.errors import BlockNotFound, LimitExceeded, StoreError
from cid_store.unixfs import (
    V0_2015,
    V1_2025,
    AddOptions,
    Built,
    ExportOptions,
    Metadata,
    Mtime,
    add_file,
    add_tree,
    export_tree,
    measure_tree,
)
from cid_store.unixfs.build import small_file
from cid_store.unixfs.data import Data, Kind
from cid_store.unixfs.directory import Entry, build_directory, build_symlink
from cid_store.unixfs.errors import AlreadyExists, NotAFile, UnsafeName
from cid_store.unixfs.safety import check_target, distinct
from tests.unit.unixfs_blocks import BlockStore, load_car, tiny


@pytest.mark.parametrize("profile", [V1_2025, V0_2015, tiny(chunk=1000, threshold=0)])
def test_a_folder_comes_back_as_it_was(tmp_path: Path, profile: object) -> None:
    source = tmp_path / "source"
    (source / "a" / "empty").mkdir(parents=True)
    (source / "a" / "file").write_bytes(bytes(range(256)) * 20)
    (source / "none").touch()
    (source / "a" / "up").symlink_to("../none")
    os.chmod(source / "a", 0o750)
    os.utime(source / "none", ns=(0, 1_500_000_000_000_000_001))
    options = AddOptions(profile, mode=True, mtime=True)  # type: ignore[arg-type]
    store = BlockStore()
    root = add_tree(store, source, options).cid
    report = export_tree(store, root, tmp_path / "copy")
    assert (report.files, report.directories, report.symlinks, report.bytes) == (2, 3, 1, 5120)
    plain = AddOptions(options.profile, mode=True)
    assert measure_tree(tmp_path / "copy", plain) == measure_tree(source, plain)
    assert (tmp_path / "copy" / "none").stat().st_mtime_ns == 1_500_000_000_000_000_001


def test_a_file_comes_back_under_the_name_asked_for(tmp_path: Path) -> None:
    store = BlockStore()
    export_tree(store, add_file(store, b"bytes"), tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_bytes() == b"bytes"


def _directory(store: BlockStore, name: str, child: CID | None = None) -> CID:
    """A directory of one entry with any name."""
    leaf = child or store.put(b"evil")
    return store.node(Data(Kind.DIRECTORY), [PBLink(leaf, name, 4)])


@pytest.mark.parametrize("name", ["", ".", "..", "../evil", "/evil", "a/b", "a\0b", "é" * 128])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    store, target = BlockStore(), tmp_path / "in" / "out"
    target.parent.mkdir()
    with pytest.raises(UnsafeName, match="can't be written"):
        export_tree(store, _directory(store, name), target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "target", [b"/etc/passwd", b"..", b"../..", b"a/../..", b"sub/../x", b"", b"a\0b", b"x" * 4096]
)
def test_symlinks_that_lead_out_are_refused(tmp_path: Path, target: bytes) -> None:
    store = BlockStore()
    link = build_symlink(V1_2025, store.emit, target).cid
    for root in (_directory(store, "link", link), link):
        with pytest.raises(UnsafeName, match="can't be written"):
            export_tree(store, root, tmp_path / "out")
    assert not (tmp_path / "out").is_symlink()
    assert list(tmp_path.rglob("link")) == []


def test_a_published_symlink_is_written(tmp_path: Path) -> None:
    store, root = load_car("gateway-conformance/path_gateway_unixfs/symlink.car")
    export_tree(store, root, tmp_path / "out")
    assert os.readlink(tmp_path / "out" / "bar") == "foo"


@pytest.mark.parametrize("name", ["outside-root", "inside-root"])
def test_published_relative_names_are_refused(tmp_path: Path, name: str) -> None:
    store, root = load_car(f"gateway-conformance/path_gateway_tar/{name}.car")
    (tmp_path / "in").mkdir()
    with pytest.raises(UnsafeName):
        export_tree(store, root, tmp_path / "in" / "out")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@given(st.lists(st.sampled_from([b"..", b".", b"", b"a", b"b"]), min_size=1, max_size=8), st.integers(0, 3))
def test_an_accepted_target_stays_inside(parts: list[bytes], depth: int) -> None:
    target = b"/".join(parts)
    try:
        check_target(target, depth, "link")
    except UnsafeName:
        return
    inside = os.path.normpath(os.path.join(b"/top", b"d/" * depth, target))
    assert inside == b"/top" or inside.startswith(b"/top/")


def test_nothing_is_written_through_a_symlink_on_disk(tmp_path: Path) -> None:
    store = BlockStore()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    root = _directory(store, "sub", _directory(store, "evil"))
    for options in (ExportOptions(), ExportOptions(overwrite=True)):
        with pytest.raises(UnsafeName, match="symlink"):
            export_tree(store, root, tmp_path / "out", options)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_symlink_on_disk_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    store = BlockStore()
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "f").symlink_to(victim)
    with pytest.raises(AlreadyExists, match="f"):
        export_tree(store, _directory(store, "f"), tmp_path / "out")
    export_tree(store, _directory(store, "f"), tmp_path / "out", ExportOptions(overwrite=True))
    assert victim.read_bytes() == b"safe"
    assert (tmp_path / "out" / "f").read_bytes() == b"evil"


def test_files_are_not_silently_replaced(tmp_path: Path) -> None:
    store = BlockStore()
    (tmp_path / "f").write_bytes(b"mine")
    with pytest.raises(AlreadyExists):
        export_tree(store, _directory(store, "f"), tmp_path)
    assert (tmp_path / "f").read_bytes() == b"mine"


@pytest.mark.parametrize(("one", "other"), [("Read", "read"), ("é", "e\u0301"), ("ß", "SS")])
def test_names_that_some_disks_confuse_are_refused(tmp_path: Path, one: str, other: str) -> None:
    store = BlockStore()
    leaf = Built(store.put(b"x"), 1, 1)
    root = build_directory(V1_2025, store.emit, [(one, leaf), (other, leaf)]).cid
    with pytest.raises(UnsafeName, match="case"):
        export_tree(store, root, tmp_path / "out")
    assert len(list(distinct([Entry("a", leaf.cid, 1), Entry("b", leaf.cid, 1)], "here"))) == 2
    report = export_tree(store, root, tmp_path / "both", ExportOptions(case_clashes=True, overwrite=True))
    assert report.files == 2


def test_an_error_leaves_no_partial_file(tmp_path: Path) -> None:
    store, content = BlockStore(), bytes(range(200))
    root = add_file(store, content, tiny())
    store.delete([CID.make(RAW, content[100:110])])
    with pytest.raises(BlockNotFound):
        export_tree(store, root, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_small_dag_does_not_fill_the_disk(tmp_path: Path) -> None:
    store = BlockStore()
    cid, size = store.put(bytes(1000)), 1000
    for _ in range(15):
        cid, size = store.file([(cid, size)] * 10), size * 10
    with pytest.raises(LimitExceeded, match="beyond"):
        export_tree(store, cid, tmp_path / "huge")
    with pytest.raises(LimitExceeded):
        export_tree(store, store.put(bytes(11)), tmp_path / "big", ExportOptions(max_bytes=10))
    folder = store.node(Data(Kind.DIRECTORY))
    for _ in range(20):
        folder = store.node(Data(Kind.DIRECTORY), [PBLink(folder, name, 1) for name in "ab"])
    with pytest.raises(LimitExceeded, match="the 50 files") as caught:
        export_tree(store, folder, tmp_path / "many", ExportOptions(max_entries=50))
    assert "--max-entries" in caught.value.next_step
    deep = store.node(Data(Kind.DIRECTORY))
    for _ in range(300):
        deep = _directory(store, "d", deep)
    with pytest.raises(LimitExceeded, match="deep"):
        export_tree(store, deep, tmp_path / "deep")


def test_other_codecs_can_not_be_written(tmp_path: Path) -> None:
    store = BlockStore()
    with pytest.raises(NotAFile):
        export_tree(store, store.put(b"\xa0", 0x71), tmp_path / "out")


def test_what_the_disk_refuses_is_named(tmp_path: Path) -> None:
    store = BlockStore()
    with pytest.raises(StoreError, match="absent"):
        export_tree(store, store.put(b"x"), tmp_path / "absent" / "f")


def test_special_bits_are_never_restored(tmp_path: Path) -> None:
    store = BlockStore()
    root = small_file(V1_2025, store.emit, b"x", Metadata(0o6755, Mtime(-5))).cid
    export_tree(store, root, tmp_path / "f")
    status = (tmp_path / "f").stat()
    assert (status.st_mode & 0o7777, status.st_mtime_ns) == (0o755, 0)
