"""A published CAR, read by the codecs alone: what a case expects is not asked of the code that it tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cid_store import codecs
from cid_store.car import open_car
from cid_store.cid import CID, DAG_PB
from cid_store.codecs import dag_pb
from tests.fixtures import shared

FOLDER = "gateway-conformance"


@dataclass(frozen=True)
class Published:
    """The blocks of a CAR with one root. HAMTs have a fanout of 256: two digits come before each name."""

    root: CID
    blocks: Mapping[CID, bytes]

    def at(self, *names: str) -> CID:
        """What names lead to, through folders, HAMTs and the maps of DAG-CBOR."""
        cid = self.root
        while names:
            if cid.codec == DAG_PB:
                cid, names = self._way(cid, names[0])[-1], names[1:]
            else:
                cid, names = self._inside(cid, names), ()
        return cid

    def below(self, *names: str) -> tuple[CID, ...]:
        """All below that, parents before children, as often as a link leads there."""
        return tuple(self._below(self.at(*names)))

    def way(self, name: str) -> tuple[CID, ...]:
        """The nodes of a HAMT between its root and an entry."""
        return tuple(self._way(self.root, name)[:-1])

    def shards(self) -> tuple[CID, ...]:
        """The nodes of a HAMT below its root, parents before children."""
        return tuple(self._shards(self.root))

    def _way(self, node: CID, name: str) -> list[CID]:
        for link in dag_pb.decode(self.blocks[node]).links:
            if name in (link.name, (link.name or "")[2:]):
                return [link.hash]
            if len(link.name or "") == 2 and (rest := self._way(link.hash, name)):
                return [link.hash, *rest]
        return []

    def _inside(self, cid: CID, names: tuple[str, ...]) -> CID:
        value = codecs.by_code(cid.codec).decode(self.blocks[cid])
        for name in names:
            value = value[name]
        assert isinstance(value, CID)
        return value

    def _below(self, cid: CID) -> list[CID]:
        links = codecs.by_code(cid.codec).links(self.blocks[cid])
        return [found for link in links for found in (link, *self._below(link))]

    def _shards(self, node: CID) -> list[CID]:
        links = dag_pb.decode(self.blocks[node]).links
        inner = [link.hash for link in links if len(link.name or "") == 2]
        return [found for cid in inner for found in (cid, *self._shards(cid))]


@cache
def published(name: str) -> Published:
    """A CAR of the suite; skips the test where it is absent."""
    with open_car(shared(f"{FOLDER}/{name}.car")) as car:
        (root,) = car.roots
        return Published(root, {block.cid: bytes(block.data) for block in car.blocks()})
