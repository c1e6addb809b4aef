"""DAG-PB: the protobuf nodes of UnixFS.

Source: the DAG-PB specification of IPLD. The parser is our own, because a protobuf library accepts what
DAG-PB forbids (fields in any order, unknown ones) and a node of a thousand links is decoded often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cid_store import varint
from cid_store.cid import CID, DAG_PB
from cid_store.codecs.link import read_link
from cid_store.errors import DecodeError, EncodeError

name: Final = "dag-pb"
code: Final = DAG_PB

_NODE_DATA: Final = 0x0A
_NODE_LINK: Final = 0x12
_LINK_HASH: Final = 0x0A
_LINK_NAME: Final = 0x12
_LINK_TSIZE: Final = 0x18
_MAX_TSIZE: Final = (1 << 63) - 1
_MAX_VARINT: Final = 10  # bytes; what protobuf writes for 64 bits


class PBLink(NamedTuple):
    """A link; None is an absent field, `tsize` counts bytes. A tuple, because nodes hold thousands."""

    hash: CID
    name: str | None = None
    tsize: int | None = None


@dataclass(frozen=True, slots=True)
class PBNode:
    """A node: links in the order of its bytes, and opaque data; None is an absent field, b"" an empty one."""

    links: tuple[PBLink, ...] = ()
    data: bytes | None = None


def sorted_node(links: Iterable[PBLink], data: bytes | None = None) -> PBNode:
    """A node with `links` as `encode` demands them: by the bytes of their names, equal names as they came."""
    return PBNode(tuple(sorted(links, key=_name_bytes)), data)


def encode(node: PBNode) -> bytes:
    """Links, then data. Raises `EncodeError` on links out of order and on values that no field can hold."""
    if not isinstance(node, PBNode):
        raise EncodeError(f"DAG-PB holds a PBNode, not {type(node).__name__}")
    out = bytearray()
    previous = b""
    for link in node.links:
        body, name_bytes = _encode_link(link)
        if name_bytes < previous:
            raise EncodeError(
                "DAG-PB links must be sorted by the bytes of their names", next_step="use sorted_node"
            )
        previous = name_bytes
        out.append(_NODE_LINK)
        out += varint.encode(len(body))
        out += body
    if node.data is not None:
        if not isinstance(node.data, bytes):
            raise EncodeError(f"DAG-PB Data must be bytes, not {type(node.data).__name__}")
        out.append(_NODE_DATA)
        out += varint.encode(len(node.data))
        out += node.data
    return bytes(out)


def decode(data: bytes | memoryview) -> PBNode:
    """The node of `data`, links as they lie. Raises `DecodeError`."""
    data = bytes(data)
    found: list[PBLink] = []
    payload: bytes | None = None
    for tag, start, end in _node_fields(data):
        if tag == _NODE_LINK:
            found.append(_decode_link(data, start, end))
        else:
            payload = data[start:end]
    return PBNode(tuple(found), payload)


def links(data: bytes | memoryview) -> Iterator[CID]:
    """The CIDs that `data` links to, in order, repeats included. Raises `DecodeError`."""
    data = bytes(data)
    for tag, start, end in _node_fields(data):
        if tag == _NODE_LINK:
            yield _decode_link(data, start, end).hash


def to_value(node: PBNode) -> dict[str, Any]:
    """The node in the IPLD data model: `Links`, a list of maps, and `Data` where it is present."""
    value: dict[str, Any] = {} if node.data is None else {"Data": node.data}
    value["Links"] = [
        {
            key: part
            for key, part in (("Hash", at.hash), ("Name", at.name), ("Tsize", at.tsize))
            if part is not None
        }
        for at in node.links
    ]
    return value


def from_value(value: object) -> PBNode:
    """The node of a data model form; raises `EncodeError` on any form but the specified one."""
    fields = _map(value, {"Data", "Links"}, "a DAG-PB node")
    entries = fields.get("Links")
    if not isinstance(entries, list):
        raise EncodeError("DAG-PB Links must be a list")
    if "Data" in fields and not isinstance(fields["Data"], bytes):
        raise EncodeError("DAG-PB Data must be bytes")
    return PBNode(tuple(_link_from_value(entry) for entry in entries), fields.get("Data"))


def _link_from_value(value: object) -> PBLink:
    fields = _map(value, {"Hash", "Name", "Tsize"}, "a DAG-PB link")
    if None in fields.values():
        raise EncodeError("a DAG-PB link leaves out a field that it does not have; null is no value")
    link = PBLink(fields.get("Hash"), fields.get("Name"), fields.get("Tsize"))  # type: ignore[arg-type]
    _encode_link(link)
    return link


def _map(value: object, allowed: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= allowed:
        raise EncodeError(f"{what} must be a map with no keys but {', '.join(sorted(allowed))}")
    return value


def _name_bytes(link: PBLink) -> bytes:
    if link.name is None:
        return b""
    if type(link.name) is not str:
        raise EncodeError("a DAG-PB link's Name must be a string")
    try:
        return link.name.encode()
    except UnicodeEncodeError:
        raise EncodeError(f"link name {link.name!r} is not valid Unicode") from None


def _encode_link(link: PBLink) -> tuple[bytes, bytes]:
    if not isinstance(link.hash, CID):
        raise EncodeError("a DAG-PB link needs a Hash, and it must be a CID")
    binary = link.hash.binary
    body = bytearray((_LINK_HASH,)) + varint.encode(len(binary)) + binary
    name_bytes = _name_bytes(link)
    if link.name is not None:
        body.append(_LINK_NAME)
        body += varint.encode(len(name_bytes)) + name_bytes
    if link.tsize is not None:
        if type(link.tsize) is not int or not 0 <= link.tsize <= _MAX_TSIZE:
            raise EncodeError("a DAG-PB link's Tsize must be an integer from 0 to 2**63 - 1")
        body.append(_LINK_TSIZE)
        body += varint.encode(link.tsize)
    return bytes(body), name_bytes


def _node_fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Tag, start and end of each field. Links and data come in either order, the links all together."""
    at, end = 0, len(data)
    seen_links = seen_data = closed = False
    while at < end:
        tag = data[at]
        start, at = _span(data, at + 1, end)
        if tag == _NODE_LINK:
            if closed:
                raise DecodeError("DAG-PB node has links on both sides of its data")
            seen_links = True
        elif tag == _NODE_DATA:
            if seen_data:
                raise DecodeError("DAG-PB node has two Data fields")
            seen_data, closed = True, seen_links
        else:
            raise DecodeError(f"DAG-PB node has an unknown field 0x{tag:02x}")
        yield tag, start, at


def _decode_link(data: bytes, at: int, end: int) -> PBLink:
    target: CID | None = None
    link_name: str | None = None
    tsize: int | None = None
    last = 0
    while at < end:
        tag = data[at]
        # The tags rise in the order that the specification demands of the fields.
        if tag <= last:
            raise DecodeError(f"DAG-PB link repeats field 0x{tag:02x} or has it out of order")
        last = tag
        if tag == _LINK_TSIZE:
            tsize, at = _varint(data, at + 1, end)
            if tsize > _MAX_TSIZE:
                raise DecodeError("DAG-PB link's Tsize is over 2**63 - 1")
            continue
        start, at = _span(data, at + 1, end)
        if tag == _LINK_HASH:
            target = read_link(data[start:at])
        elif tag == _LINK_NAME:
            link_name = _text(data[start:at])
        else:
            raise DecodeError(f"DAG-PB link has an unknown field 0x{tag:02x}")
    if target is None:
        raise DecodeError("DAG-PB link has no Hash")
    return PBLink(target, link_name, tsize)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DecodeError(f"DAG-PB link name {data[:80]!r} is not UTF-8") from None


def _span(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and end of the length-delimited value at `at`, which must end by `end`."""
    if at < end and data[at] < 0x80:
        start = at + 1
        stop = start + data[at]
    else:
        size, start = _varint(data, at, end)
        stop = start + size
    if stop > end:
        raise DecodeError("DAG-PB field runs past the end")
    return start, stop


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A protobuf varint. Padded forms are legal in protobuf and so in DAG-PB: not `cid_store.varint`."""
    value = shift = 0
    for i in range(at, min(end, at + _MAX_VARINT)):
        byte = data[i]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, i + 1
        shift += 7
    raise DecodeError("DAG-PB number is cut short or longer than ten bytes")
