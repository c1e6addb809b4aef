"""What the UnixFS tests share: a store that counts, published bytes and CARs, hand-made nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from cid_store import varint
from cid_store.block import Block
from cid_store.cid import CID, DAG_PB
from cid_store.codecs import dag_cbor, dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.unixfs import V1_2025, Profile
from cid_store.unixfs import data as message
from cid_store.unixfs.data import Data, Kind
from tests.fixtures import shared
from tests.stores import CountingStore


class BlockStore(CountingStore):
    """A store that takes nodes by what they say, right or wrong."""

    def emit(self, block: Block) -> None:
        self.put_many([block])

    def node(self, data: Data, links: Sequence[PBLink] = ()) -> CID:
        """Keep a node with any UnixFS message and links, right or wrong."""
        return self.put(dag_pb.encode(PBNode(tuple(links), message.encode(data))), DAG_PB)

    def file(self, children: Sequence[tuple[CID, int]], filesize: int | None = None) -> CID:
        """Keep a file node that claims these sizes of its children."""
        sizes = tuple(size for _, size in children)
        total = sum(sizes) if filesize is None else filesize
        links = [PBLink(cid, "", size) for cid, size in children]
        return self.node(Data(Kind.FILE, filesize=total, blocksizes=sizes), links)


def tiny(profile: Profile = V1_2025, chunk: int = 10, links: int = 2, threshold: int = 262144) -> Profile:
    """A profile under which a few bytes make a deep tree."""
    return replace(profile, chunk=chunk, max_links=links, threshold=threshold)


def keystream(seed: str, size: int) -> bytes:
    """The published deterministic bytes: a ChaCha20 key stream."""
    key = hashlib.sha256(seed.encode()).digest()
    return Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(size))


def load_car(path: str) -> tuple[BlockStore, CID]:
    """A store with the blocks of a published CARv1, and its first root."""
    data = shared(path).read_bytes()
    size, at = varint.decode(data)
    header = dag_cbor.decode(data[at : at + size])
    assert isinstance(header, dict)
    store, at = BlockStore(), at + size
    while at < len(data):
        size, start = varint.decode(data, at)
        at = start + size
        cid, body = CID.read(data, start)
        store.emit(Block(cid, data[body:at]))
    return store, header["roots"][0]
