"""Reading one UnixFS node: fetch, decode, and see what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cid_store.block import Block
from cid_store.cid import CID, CODEC_NAMES, DAG_PB, RAW
from cid_store.codecs import dag_pb
from cid_store.codecs.dag_pb import PBLink
from cid_store.errors import DecodeError
from cid_store.unixfs import data as message
from cid_store.unixfs.data import Data, Kind, Metadata
from cid_store.unixfs.errors import BadUnixFS, NotAFile

if TYPE_CHECKING:
    from cid_store.store import Store

FILE_KINDS: Final = (Kind.FILE, Kind.RAW)
DIRECTORY_KINDS: Final = (Kind.DIRECTORY, Kind.HAMT)


@dataclass(frozen=True, slots=True)
class Node:
    """A decoded block. A raw block is a File without links whose data is the block."""

    block: Block
    data: Data
    links: tuple[PBLink, ...] = ()

    @property
    def cid(self) -> CID:
        """The node's own CID."""
        return self.block.cid

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.data.kind

    @property
    def metadata(self) -> Metadata:
        """Mode and mtime, where it carries them."""
        return self.data.metadata


def load(store: Store, cid: CID) -> Node:
    """Fetch and decode. Raises `BlockNotFound`, `BadUnixFS`, and `NotAFile` for other codecs."""
    if cid.codec not in (RAW, DAG_PB):
        name = CODEC_NAMES.get(cid.codec, hex(cid.codec))
        raise NotAFile(
            f"{cid} is {name}, not UnixFS",
            cid=cid,
            next_step="`codata show` says what it is; the rows of a dataset are written by `codata export`",
        )
    return decode(Block(cid, store.get(cid)))


def decode(block: Block) -> Node:
    """The node in a proven block; raises `BadUnixFS` naming it."""
    cid = block.cid
    if cid.codec == RAW:
        return Node(block, Data(Kind.FILE, block.data, filesize=len(block.data)))
    try:
        node = dag_pb.decode(block.data)
        if node.data is None:
            raise BadUnixFS("the node has no UnixFS message")
        return Node(block, message.decode(node.data), node.links)
    except DecodeError as e:
        raise BadUnixFS(f"{cid} is no UnixFS node: {e.message}", cid=cid) from e


def dag_size(node: Node) -> int:
    """Tsize of the DAG under `node`: its block and what its links claim."""
    return len(node.block.data) + sum(link.tsize or 0 for link in node.links)
