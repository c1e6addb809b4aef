"""`ipfs://` paths in fsspec and in the libraries above it."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import dask.dataframe
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from cid_store import unixfs
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, CorruptBlock, UsageError
from cid_store.fsspec_ipfs import IPFSFileSystem
from cid_store.store import Store
from cid_store.stores.local import LocalStore
from cid_store.stores.memory import MemoryStore
from cid_store.testing import sample
from tests.stores import CountingStore

MIB = 1024 * 1024
BIG = sample(5 * MIB + 3)


class Kept:
    """A folder in a local store: its URL, its root and the store's."""

    def __init__(self, tmp_path: Path) -> None:
        folder = tmp_path / "tree"
        (folder / "table").mkdir(parents=True)
        (folder / "empty").mkdir()
        (folder / "big.bin").write_bytes(BIG)
        (folder / "hello.txt").write_bytes(b"hello world")
        (folder / "link").symlink_to("hello.txt")
        for i in range(3):
            rows = pa.table({"n": range(i * 1000, (i + 1) * 1000), "s": [f"row {j}" for j in range(1000)]})
            pq.write_table(rows, folder / "table" / f"{i}.parquet", row_group_size=100)
        self.store_url = str(tmp_path / "store")
        with LocalStore(self.store_url) as store:
            self.root = unixfs.add_tree(store, folder).cid

    @property
    def options(self) -> dict[str, str]:
        return {"store": self.store_url}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def fs(kept: Kept) -> IPFSFileSystem:
    found: IPFSFileSystem = fsspec.filesystem("ipfs", **kept.options)
    return found


# -- the file system --


def test_fsspec_finds_it_by_its_entry_point(fs: IPFSFileSystem) -> None:
    assert isinstance(fs, IPFSFileSystem)
    assert fsspec.get_filesystem_class("ipfs") is IPFSFileSystem


@pytest.mark.parametrize("form", ["ipfs://{}", "/ipfs/{}", "{}", "ipfs://{}/"])
def test_info(fs: IPFSFileSystem, kept: Kept, form: str) -> None:
    info = fs.info(form.format(f"{kept.root}/big.bin"))
    assert (info["name"], info["size"], info["type"]) == (f"{kept.root}/big.bin", len(BIG), "file")
    assert fs.info(form.format(kept.root))["type"] == "directory"
    assert fs.info(form.format(f"{kept.root}/link"))["destination"] == b"hello.txt"


def test_listing(fs: IPFSFileSystem, kept: Kept) -> None:
    url = f"ipfs://{kept.root}"
    names = [f"{kept.root}/{n}" for n in ("big.bin", "empty", "hello.txt", "link", "table")]
    assert fs.ls(url, detail=False) == names
    assert [(e["size"], e["type"]) for e in fs.ls(url)][:2] == [(len(BIG), "file"), (0, "directory")]
    assert fs.ls(f"{url}/hello.txt", detail=False) == [f"{kept.root}/hello.txt"]
    assert fs.ls(f"{url}/empty") == []
    assert fs.glob(f"{url}/table/*.parquet") == [f"{kept.root}/table/{i}.parquet" for i in range(3)]
    assert len(fs.find(url)) == 6
    assert fs.du(url) > len(BIG)
    assert fs.unstrip_protocol(names[0]) == f"{url}/big.bin"


def test_reading(fs: IPFSFileSystem, kept: Kept) -> None:
    path = f"ipfs://{kept.root}/big.bin"
    assert fs.cat_file(path) == BIG
    for start, end in [
        (0, 5),
        (MIB - 1, MIB + 1),
        (-3, None),
        (None, -3),
        (-10, -5),
        (7, 3),
        (len(BIG), None),
        (0, 10**12),
    ]:
        assert fs.cat_file(path, start, end) == BIG[start:end], (start, end)
    assert fs.cat_ranges([path, path], [0, 10], [3, 20]) == [BIG[:3], BIG[10:20]]
    with fs.open(path) as file:
        assert file.size == len(BIG)
        file.seek(3 * MIB)
        assert file.read(10) == BIG[3 * MIB :][:10]
        file.seek(-5, io.SEEK_END)
        assert file.read() == BIG[-5:]
    with fsspec.open(f"ipfs://{kept.root}/hello.txt", "r", **kept.options) as text:
        assert text.read() == "hello world"


def test_copying_out(fs: IPFSFileSystem, kept: Kept, tmp_path: Path) -> None:
    fs.get(f"ipfs://{kept.root}/table", str(tmp_path / "table"), recursive=True)
    assert sorted(p.name for p in (tmp_path / "table").rglob("*.parquet")) == [
        f"{i}.parquet" for i in range(3)
    ]


def test_only_the_blocks_of_a_range_are_fetched() -> None:
    store = CountingStore()
    root = store.put_file(BIG)
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    store.reads.clear()
    assert fs.cat_file(root, 3 * MIB + 5, 3 * MIB + 9) == BIG[3 * MIB + 5 : 3 * MIB + 9]
    assert len(set(store.reads)) == 2


def test_what_is_not_there(fs: IPFSFileSystem, kept: Kept) -> None:
    assert not fs.exists(f"ipfs://{kept.root}/nope")
    assert not fs.exists("ipfs://not-a-cid/x")
    for read in (fs.info, fs.cat_file, fs.open, fs.ls):
        with pytest.raises(FileNotFoundError):
            read(f"ipfs://{kept.root}/nope")
        with pytest.raises(NotADirectoryError):
            read(f"ipfs://{kept.root}/hello.txt/x")
    with pytest.raises(IsADirectoryError):
        fs.cat_file(f"ipfs://{kept.root}/table")
    with pytest.raises(BlockNotFound):
        fs.info(f"ipfs://{CID.make(0x55, b'absent')}")


def test_other_content_is_no_file() -> None:
    store = MemoryStore()
    cid = store.put(dag_cbor.encode({}), DAG_CBOR)
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    assert fs.info(cid)["type"] == "other"
    with pytest.raises(IsADirectoryError):
        fs.open(cid)


def test_it_is_read_only(fs: IPFSFileSystem, kept: Kept) -> None:
    for mode in ("wb", "ab", "r+b"):
        with pytest.raises(io.UnsupportedOperation):
            fs.open(f"ipfs://{kept.root}/new", mode)


def test_corrupt_bytes_do_not_come_out() -> None:
    store = MemoryStore()
    root = store.put_file(BIG)
    bad = CID.make(0x55, BIG[MIB : 2 * MIB])
    store._blocks[bad.multihash] = bad, bytes(MIB)
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    assert fs.cat_file(root, 0, MIB) == BIG[:MIB]
    with pytest.raises(CorruptBlock), fs.open(root) as file:
        file.read()


def test_the_store_by_environment(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> Store:
        found: Store = IPFSFileSystem(skip_instance_cache=True).store
        return found

    for name in ("CODATA_STORE", "CODATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="store"):
        opened()
    monkeypatch.setenv("CODATA_HOME", str(Path(kept.store_url).parent))
    assert opened().has(kept.root)
    monkeypatch.setenv("CODATA_STORE", "memory:")
    assert isinstance(opened(), MemoryStore)


def test_it_travels_to_other_processes(fs: IPFSFileSystem, kept: Kept) -> None:
    again = pickle.loads(pickle.dumps(fs))
    assert again.cat_file(f"{kept.root}/hello.txt") == b"hello world"
    path = f"{kept.root}/hello.txt"
    assert fs.ukey(path) == fs.info(path)["cid"]
    assert fs.checksum(path) != fs.checksum(f"{kept.root}/big.bin")
    assert fs.modified(path) == fs.modified(f"{kept.root}/big.bin")


# -- libraries --


def test_pandas(kept: Kept) -> None:
    frame = pd.read_parquet(f"ipfs://{kept.root}/table/1.parquet", storage_options=kept.options)
    assert frame["n"].tolist() == list(range(1000, 2000))
    text = pd.read_csv(f"ipfs://{kept.root}/hello.txt", storage_options=kept.options, header=None)
    assert text.iloc[0, 0] == "hello world"


def test_pyarrow(fs: IPFSFileSystem, kept: Kept) -> None:
    wrapped = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
    dataset = pa.dataset.dataset(f"{kept.root}/table", filesystem=wrapped, format="parquet")
    assert dataset.count_rows() == 3000
    assert dataset.to_table(columns=["n"], filter=pa.dataset.field("n") >= 2990)["n"].to_pylist() == list(
        range(2990, 3000)
    )
    assert pq.read_table(f"{kept.root}/table/0.parquet", filesystem=fs).num_rows == 1000


def test_polars(fs: IPFSFileSystem, kept: Kept) -> None:
    with fs.open(f"ipfs://{kept.root}/table/2.parquet") as file:
        assert pl.read_parquet(file)["n"].sum() == sum(range(2000, 3000))
    wrapped = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
    lazy = pl.scan_pyarrow_dataset(
        pa.dataset.dataset(f"{kept.root}/table", filesystem=wrapped, format="parquet")
    )
    assert lazy.filter(pl.col("n") < 5).collect()["s"].to_list() == [f"row {i}" for i in range(5)]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's own
def test_dask(kept: Kept) -> None:
    frame = dask.dataframe.read_parquet(f"ipfs://{kept.root}/table", storage_options=kept.options)
    assert frame["n"].sum().compute(scheduler="threads") == sum(range(3000))


def test_duckdb(fs: IPFSFileSystem, kept: Kept) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    connection = duckdb.connect()
    connection.register_filesystem(fs)
    ((total,),) = connection.execute(f"SELECT sum(n) FROM 'ipfs://{kept.root}/table/*.parquet'").fetchall()
    assert total == sum(range(3000))
