from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store import varint
from cid_store.cid import CID, DAG_PB, RAW
from cid_store.codecs import dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.errors import DecodeError, EncodeError

LINK = CID.make(RAW, b"linked")
HASH = b"\x0a\x24" + LINK.binary

CIDS = st.binary(max_size=8).map(lambda data: CID.make(RAW, data)) | st.binary(max_size=8).map(
    lambda data: CID.make(DAG_PB, data).to_v0()
)
LINKS = st.builds(PBLink, CIDS, st.none() | st.text(max_size=8), st.none() | st.integers(0, (1 << 63) - 1))
NODES = st.builds(dag_pb.sorted_node, st.lists(LINKS, max_size=8), st.none() | st.binary(max_size=300))


def field(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + varint.encode(len(body)) + body


@given(NODES)
def test_nodes_come_back(node: PBNode) -> None:
    data = dag_pb.encode(node)
    assert dag_pb.decode(data) == node
    assert list(dag_pb.links(data)) == [link.hash for link in node.links]
    assert dag_pb.from_value(dag_pb.to_value(node)) == node


@given(NODES, st.data())
def test_mutations_end_in_a_named_error_or_a_node(node: PBNode, draw: st.DataObject) -> None:
    data = bytearray(dag_pb.encode(node) or b"\x0a\x00")
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found = dag_pb.decode(bytes(data))
    except DecodeError:
        return
    assert list(dag_pb.links(bytes(data))) == [link.hash for link in found.links]


def test_data_may_lie_before_the_links_and_order_is_kept() -> None:
    b, a = field(0x12, HASH + b"\x12\x01b"), field(0x12, HASH + b"\x12\x01a")
    node = dag_pb.decode(b"\x0a\x01x" + b + a)
    assert [link.name for link in node.links] == ["b", "a"]
    assert node.data == b"x"
    with pytest.raises(EncodeError, match="sorted"):
        dag_pb.encode(node)
    assert dag_pb.encode(dag_pb.sorted_node(node.links, node.data)) == a + b + b"\x0a\x01x"


def test_sorting_is_by_bytes_and_stable() -> None:
    first, second = PBLink(LINK, "x", 1), PBLink(LINK, "x", 2)
    node = dag_pb.sorted_node([PBLink(LINK, "é"), first, PBLink(LINK, "z"), second, PBLink(LINK)])
    assert [(link.name, link.tsize) for link in node.links] == [
        (None, None),
        ("x", 1),
        ("x", 2),
        ("z", None),
        ("é", None),
    ]


def test_absent_and_empty_fields_differ() -> None:
    assert dag_pb.encode(PBNode()) == b""
    assert dag_pb.encode(PBNode(data=b"")) == b"\x0a\x00"
    assert dag_pb.decode(b"").data is None
    assert dag_pb.decode(b"\x0a\x00").data == b""
    assert dag_pb.decode(field(0x12, HASH + b"\x12\x00")).links == (PBLink(LINK, ""),)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x00\x0a\x00",  # two Data
        field(0x12, HASH) + b"\x0a\x00" + field(0x12, HASH),  # links on both sides
        b"\x1a\x00",  # unknown field
        b"\x08\x01",  # wrong wire type
        b"\x0a",
        b"\x0a\x05abc",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x0a" + b"\xff" * 11,
        field(0x12, b""),
        field(0x12, b"\x12\x01a" + HASH),  # Name before Hash
        field(0x12, HASH + b"\x18\x01\x12\x01a"),  # Tsize before Name
        field(0x12, HASH + HASH),
        field(0x12, HASH + b"\x12\x00\x12\x00"),
        field(0x12, HASH + b"\x18\x01\x18\x01"),
        field(0x12, HASH + b"\x20\x01"),
        field(0x12, HASH + b"\x22\x00"),
        field(0x12, HASH + b"\x12\x01\xff"),
        field(0x12, HASH + b"\x18" + b"\xff" * 9 + b"\x01"),
        field(0x12, HASH + b"\x18\x80"),
        field(0x12, field(0x0A, LINK.binary[:-1])),
        field(0x12, field(0x0A, LINK.binary + b"\x00")),
        field(0x12, b"\x0a\x00"),
    ],
)
def test_rejected(data: bytes) -> None:
    with pytest.raises(DecodeError):
        dag_pb.decode(data)
    with pytest.raises(DecodeError):
        list(dag_pb.links(data))


@given(NODES)
def test_every_truncation_is_an_error_or_ends_between_fields(node: PBNode) -> None:
    data = dag_pb.encode(node)
    for size in range(len(data)):
        try:
            found = dag_pb.decode(data[:size])
        except DecodeError:
            continue
        assert dag_pb.encode(found) == data[:size]


@pytest.mark.parametrize(
    "node",
    [
        PBNode((PBLink("bafkqaaa"),)),  # type: ignore[arg-type]
        PBNode((PBLink(LINK, "\ud800"),)),
        PBNode((PBLink(LINK, LINK),)),
        PBNode((PBLink(LINK, "a", -1),)),
        PBNode((PBLink(LINK, "a", 1 << 63),)),
        PBNode((PBLink(LINK, "a", True),)),
        PBNode(data="text"),  # type: ignore[arg-type]
        {"Links": []},
    ],
)
def test_what_has_no_encoding(node: PBNode) -> None:
    with pytest.raises(EncodeError):
        dag_pb.encode(node)
