"""A Kubo node as a store, against a real daemon: offline, on loopback, with a repository of its own."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from cid_store import unixfs
from cid_store.block import Block
from cid_store.car import TruncatedCar, open_car, verify_car, write_car
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, DecodeError, LimitExceeded, UsageError
from cid_store.pins import Pin
from cid_store.store import MAX_BLOCK, Store
from cid_store.stores import open_store
from cid_store.stores.kubo import KuboError, KuboStore
from cid_store.stores.memory import MemoryStore
from cid_store.testing import StoreContract, sample
from cid_store.unixfs.directory import build_directory
from tests.kubo import Daemon, kubo, name, repository
from tests.listening import SilentHandler, listening

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with kubo(tmp_path_factory.mktemp("kubo")) as running:
        yield running


class Emptied(KuboStore):
    """A node as if it had been empty: one comes with an empty directory."""

    def __init__(self, rpc: object) -> None:
        super().__init__(rpc)  # type: ignore[arg-type]
        self.before = set(super()._cids())

    def _cids(self) -> Iterator[CID]:
        return (cid for cid in super()._cids() if cid not in self.before)


@pytest.fixture
def node(daemon: Daemon) -> Iterator[KuboStore]:
    with Emptied.from_url(daemon.url) as store:
        yield store
        for pin in store.pins():
            store.unpin(pin.cid)
        store.delete(list(store.cids()))


class TestKuboStore(StoreContract):
    @pytest.fixture
    def store(self, node: KuboStore, daemon: Daemon) -> Store:
        self.repo = daemon.repo
        return node

    def corrupt(self, store: Store, cid: CID) -> None:
        name = base64.b32encode(cid.multihash).decode().rstrip("=")
        path = self.repo / "blocks" / name[-3:-1] / f"{name}.data"
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def put_folder(store: Store) -> tuple[CID, list[CID]]:
    """A folder of two files over several blocks; its root, and every block with children first."""
    blocks: list[Block] = []
    files = [
        ("a.bin", unixfs.stream_file(unixfs.V1_2025, blocks.append, sample(2 * MIB + 5, "a"))),
        ("b.txt", unixfs.stream_file(unixfs.V1_2025, blocks.append, b"hello world")),
    ]
    root = build_directory(unixfs.V1_2025, blocks.append, files)
    store.put_many(blocks)
    return root.cid, [b.cid for b in blocks]


# -- exchange --


def test_what_is_added_here_kubo_reads(node: KuboStore, daemon: Daemon, tmp_path: Path) -> None:
    data = sample(3 * MIB + 1, "there")
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_bytes(data)
    (tmp_path / "tree" / "small").write_bytes(b"hello world")
    for profile, option in ((unixfs.V1_2025, "unixfs-v1-2025"), (unixfs.V0_2015, "unixfs-v0-2015")):
        root = unixfs.add_tree(node, tmp_path / "tree", unixfs.AddOptions(profile)).cid
        assert daemon.run("cat", f"/ipfs/{root}/sub/file") == data, option
        assert daemon.run("ls", root).split()[2::3] == [b"small", b"sub/"]


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        (
            "unixfs-v1-2025",
            ["--cid-version=1", "--raw-leaves", "--chunker=size-1048576", "--max-file-links=1024"],
        ),
        (
            "unixfs-v0-2015",
            ["--cid-version=0", "--raw-leaves=false", "--chunker=size-262144", "--max-file-links=174"],
        ),
    ],
)
def test_what_kubo_adds_is_read_here_under_one_cid(
    node: KuboStore, daemon: Daemon, tmp_path: Path, profile: str, options: list[str]
) -> None:
    folder = tmp_path / "tree"
    (folder / "empty").mkdir(parents=True)
    for i in range(30):
        (folder / f"file {i}").write_bytes(sample(i * 100_000, str(i)))
    (folder / "link").symlink_to("file 1")
    said = daemon.run("add", "-Q", "-r", *options, str(folder)).decode().strip()
    assert unixfs.measure_tree(folder, unixfs.AddOptions(unixfs.PROFILES[profile])).cid == said
    unixfs.export_tree(node, CID(said), tmp_path / "back")
    assert (tmp_path / "back" / "file 29").read_bytes() == sample(2_900_000, "29")
    assert (tmp_path / "back" / "empty").is_dir()
    assert (tmp_path / "back" / "link").readlink() == Path("file 1")


@pytest.mark.parametrize("profile", ["unixfs-v1-2025", "unixfs-v0-2015"])
def test_kubo_gives_the_same_names_under_its_own_profiles(tmp_path: Path, profile: str) -> None:
    """Files around the limits of chunks and links, and folders around those of a HAMT."""
    repo = repository(tmp_path, f"--profile={profile}")
    chunk = unixfs.PROFILES[profile].chunk
    top = tmp_path / "tree"
    for folder, count in (("small", 10), ("below", 2000), ("above", 4000)):
        (top / folder).mkdir(parents=True)
        for i in range(count):
            (top / folder / f"{i:05d}-{'n' * 50}").write_bytes(b"%d" % i)
    for i, size in enumerate((0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk, 175 * 256 * 1024)):
        (top / f"file {i}").write_bytes(sample(size, str(i)))
    assert unixfs.measure_tree(top, unixfs.AddOptions(unixfs.PROFILES[profile])).cid == name(repo, top)


def test_records_travel_as_dag_cbor(node: KuboStore, daemon: Daemon) -> None:
    leaf = node.put(b"leaf")
    root = node.put(dag_cbor.encode({"leaf": leaf, "n": 3}), DAG_CBOR)
    assert b'"n":3' in daemon.run("dag", "get", root)
    assert leaf.encode() in daemon.run("refs", root)


# -- CARs --


def test_a_dag_is_exported_whole(node: KuboStore, tmp_path: Path) -> None:
    root, cids = put_folder(node)
    with (tmp_path / "x.car").open("wb") as file:
        done = node.export_car(root, file)
    report = verify_car(tmp_path / "x.car")
    assert (report.roots, report.complete, report.blocks) == ((root,), True, len(cids))
    assert (done.blocks, done.bytes) == (len(cids), (tmp_path / "x.car").stat().st_size)


def test_an_export_that_lacks_a_block_is_no_success(node: KuboStore) -> None:
    root, cids = put_folder(node)
    node.delete([cids[1]])
    with pytest.raises((TruncatedCar, KuboError)):
        node.export_car(root, BytesIO())
    with pytest.raises(BlockNotFound):
        node.export_car(CID.make(RAW, b"absent"), BytesIO())


def test_a_car_is_imported_and_pinned(node: KuboStore) -> None:
    memory = MemoryStore()
    root, cids = put_folder(memory)
    car = BytesIO()
    write_car(car, [root], memory.get_many(cids))
    assert node.import_car(BytesIO(car.getvalue())) == len(cids)
    assert all(node.has_many(cids))
    assert Pin(root) in list(node.pins())


def test_a_car_that_is_not_whole_is_not_pinned(node: KuboStore) -> None:
    memory = MemoryStore()
    root, cids = put_folder(memory)
    car = BytesIO()
    write_car(car, [root], memory.get_many(cids[1:]))
    with pytest.raises(KuboError, match="did not pin") as caught:
        node.import_car(BytesIO(car.getvalue()))
    assert caught.value.cid == root
    with pytest.raises(KuboError):
        node.import_car(BytesIO(car.getvalue()[:-7]))


# -- pins --


def test_pins_are_the_nodes_pins(node: KuboStore, daemon: Daemon) -> None:
    root, cids = put_folder(node)
    before = list(node.pins())
    node.pin(root, note="because ünïcode")
    assert Pin(root, "recursive", "because ünïcode") in list(node.pins())
    assert root.encode() in daemon.run("pin", "ls", "--type=recursive")
    with pytest.raises(KuboError, match="pinned"):
        node.delete([cids[0]])
    node.pin(root, "direct")
    assert Pin(root, "direct") in list(node.pins())
    assert node.unpin(root)
    assert not node.unpin(root)
    assert list(node.pins()) == before


def test_what_the_node_lacks_is_not_pinned(node: KuboStore) -> None:
    root, cids = put_folder(node)
    node.delete([cids[0]])
    with pytest.raises(BlockNotFound) as caught:
        node.pin(root)
    assert "all it links to" in caught.value.next_step
    with pytest.raises(UsageError):
        node.pin(root, note="x" * 256)
    with pytest.raises(UsageError):
        node.pin(root, "sometimes")  # type: ignore[arg-type]


def test_a_node_is_not_collected_from_here(node: KuboStore) -> None:
    with pytest.raises(UsageError, match="not collected"):
        node.gc([])


def test_an_offline_node_does_not_claim_to_provide(node: KuboStore) -> None:
    with pytest.raises(KuboError):
        node.provide([node.put(b"mine")])
    with pytest.raises(BlockNotFound):
        node.provide([CID.make(RAW, b"absent")])


# -- URLs, and nodes that misbehave --


@pytest.mark.parametrize(
    "url",
    [
        "ipfs+http:",
        "ipfs+http://",
        "ipfs+http://h:x",
        "ipfs+http://u:p@h:1",
        "ipfs+http://h/?a=b",
        "ipfs+http://h:99999",
    ],
)
def test_bad_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


def test_a_node_that_is_not_there_is_named() -> None:
    with (
        open_store("ipfs+http://127.0.0.1:1") as store,
        pytest.raises(KuboError, match=r"127\.0\.0\.1:1") as caught,
    ):
        store.get(CID.make(RAW, b"x"))
    assert caught.value.next_step


class _Liar(SilentHandler):
    """Answers every request with what the test says: status, body, and whether the body breaks off."""

    answer: tuple[int, bytes, bool] = (200, b"", False)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body, cut = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + (1000 if cut else 0)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def liar() -> Iterator[tuple[KuboStore, type[_Liar]]]:
    with listening(_Liar) as address, KuboStore.from_url(f"ipfs+http://{address}") as store:
        yield store, _Liar


def test_answers_are_bounded_and_errors_named(liar: tuple[KuboStore, type[_Liar]]) -> None:
    store, handler = liar
    cid = CID.make(RAW, b"x")
    handler.answer = 200, bytes(MAX_BLOCK + 1), False
    with pytest.raises(LimitExceeded):
        store.get(cid)
    handler.answer = 200, b"x", True
    with pytest.raises(KuboError):
        store.get(cid)
    handler.answer = 500, b'{"Message": "disk on fire", "Type": "error"}', False
    with pytest.raises(KuboError, match="disk on fire"):
        store.get(cid)
    handler.answer = 403, b"forbidden", False
    with pytest.raises(KuboError, match="403"):
        store.has(cid)
    handler.answer = 200, b'{"Ref": "not a cid"}\n', False
    with pytest.raises(KuboError, match="not a cid"):
        list(store.cids())
    handler.answer = 200, b'{"Stats": {"BlockCount": 0}}\n', False
    with pytest.raises(KuboError, match="took 0 of 1"):
        store.put(b"x")


def test_a_car_cut_between_blocks_is_seen(liar: tuple[KuboStore, type[_Liar]]) -> None:
    """What `dag export` sends when it fails midway: a CAR that ends early, and status 200."""
    store, handler = liar
    memory = MemoryStore()
    root, cids = put_folder(memory)
    car = BytesIO()
    write_car(car, [root], memory.get_many(reversed(cids)))
    with open_car(BytesIO(car.getvalue())) as opened:
        last = list(opened.sections())[-1].offset
    handler.answer = 200, car.getvalue()[:last], False
    with pytest.raises(TruncatedCar) as caught:
        store.export_car(root, BytesIO())
    assert caught.value.cid in cids
    handler.answer = 200, car.getvalue(), False
    assert store.export_car(root, BytesIO()).blocks == len(cids)
    with pytest.raises(DecodeError, match="other roots"):
        store.export_car(cids[0], BytesIO())
