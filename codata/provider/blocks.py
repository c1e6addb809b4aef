"""Which blocks a request for a CAR gets below the end of its path, depth first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cid_store import Store, codecs
from cid_store.block import Block
from cid_store.cid import CID, DAG_PB, RAW
from cid_store.errors import LimitExceeded
from cid_store.unixfs.data import Kind
from cid_store.unixfs.directory import entries
from cid_store.unixfs.errors import BadUnixFS
from cid_store.unixfs.node import FILE_KINDS, Node, load
from cid_store.unixfs.reader import DagReader
from cid_store.walk import links_of, walk
from codata.provider.car_options import ByteRange, CarOptions

MAX_DEPTH: Final = 1024
MAX_PENDING: Final = 1 << 20
"""Links on the way down a DAG that are still to be followed."""

_PLAIN: Final = (RAW, 0x51, 0x0200)  # raw, and CBOR and JSON without links


def wanted(store: Store, end: CID, options: CarOptions) -> Iterator[Block]:
    """The blocks in the order of a depth-first walk, with the repeats that the walk has.

    Raises what reading raises, also in the middle: `BlockNotFound`, `DecodeError`, `UnsupportedCodec`.
    """
    if options.scope == "block" or end.codec in _PLAIN:
        block = Block(end, store.get(end))
        if end.codec == RAW and options.bytes is not None:
            options.bytes.within(len(block.data))  # refuses what lies behind its end, as of any other file
        return iter([block])
    if options.scope == "entity":
        return _entity(store, end, options.bytes)
    codecs.by_code(end.codec)  # refused here, not after the first block
    return every(store, end) if options.repeat else walk(store, [end])


def every(store: Store, root: CID) -> Iterator[Block]:
    """The DAG under `root`, each block as often as a link leads to it. Raises `LimitExceeded`."""
    trail = [iter((root,))]
    pending = [1]
    while trail:
        cid = next(trail[-1], None)
        if cid is None:
            trail.pop()
            pending.pop()
            continue
        data = store.get(cid)
        yield Block(cid, data)
        if cid.codec in _PLAIN:
            continue
        links = tuple(links_of(cid, data))
        trail.append(iter(links))
        pending.append(len(links))
        if len(trail) > MAX_DEPTH or sum(pending) > MAX_PENDING:
            raise LimitExceeded(
                f"the DAG under {root} is too deep or too broad to be walked with repeats", cid=root
            )


def _entity(store: Store, end: CID, wanted_bytes: ByteRange | None) -> Iterator[Block]:
    """What it takes to read a file, or bytes of it, or to list a directory; else the one block."""
    node = _unixfs(store, end)
    if node is not None and node.kind in FILE_KINDS:
        return _file(DagReader(store, node), wanted_bytes)
    if node is not None and node.kind is Kind.HAMT:
        return _hamt(store, node)
    return iter([Block(end, store.get(end))])


def _unixfs(store: Store, cid: CID) -> Node | None:
    if cid.codec != DAG_PB:
        return None
    try:
        return load(store, cid)
    except BadUnixFS:
        return None


def _file(reader: DagReader, wanted_bytes: ByteRange | None) -> Iterator[Block]:
    found = (0, reader.size) if wanted_bytes is None else wanted_bytes.within(reader.size)
    # An empty range still shows the root, which says how long the file is.
    return (block for block, _ in reader.blocks(*(found or (0, 0))))


def _hamt(store: Store, root: Node) -> Iterator[Block]:
    yield root.block
    visited: list[Block] = []
    for _ in entries(store, root, visited):
        yield from visited
        visited.clear()
    yield from visited
