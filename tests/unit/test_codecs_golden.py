"""The golden values of docs/spec/codecs.md and docs/spec/car.md."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from cid_store import codecs
from cid_store.block import Block
from cid_store.car import INDEX_SORTED, MULTIHASH_INDEX_SORTED, write_car, write_car_v2
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs.dag_pb import PBLink, PBNode

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec"
HELLO = Block.of(b"hello")
VALUE = {"b": [1, -1, 1.0, None, True, "é", b"\x01"], "a": HELLO.cid}
NODE = PBNode((PBLink(HELLO.cid, "hello.txt", 5),), b"\x08\x01")


def golden(page: str) -> list[list[str]]:
    """The cells of the last table of a page, without its head."""
    rows = re.findall(r"^\|(.*)\|$", (SPEC / page).read_text().split("## Golden values")[1], re.M)[2:]
    return [[cell.strip().strip("`") for cell in row.split(" | ")] for row in rows]


def test_codecs() -> None:
    values: dict[str, Any] = {"dag-cbor": VALUE, "dag-json": VALUE, "dag-pb": NODE}
    rows = golden("codecs.md")
    assert [row[0] for row in rows] == list(values)
    for name, _, text, cid in rows:
        codec = codecs.by_name(name)
        data = text.encode() if name == "dag-json" else bytes.fromhex(text)
        assert codec.encode(values[name]) == data
        assert codec.decode(data) == values[name]
        assert CID.make(codec.code, data) == cid


def test_cars() -> None:
    root = Block.of(codecs.dag_cbor.encode({"greeting": HELLO.cid}), DAG_CBOR)
    files = [io.BytesIO() for _ in range(3)]
    write_car(files[0], [root.cid], [root, HELLO])
    write_car_v2(files[1], [root.cid], [root, HELLO], index=INDEX_SORTED)
    write_car_v2(files[2], [root.cid], [root, HELLO], index=MULTIHASH_INDEX_SORTED)
    rows = golden("car.md")
    assert [(int(size), cid) for _, size, cid in rows] == [
        (len(f.getvalue()), CID.make(RAW, f.getvalue())) for f in files
    ]
    printed = re.findall(r"^[0-9a-f]+$", (SPEC / "car.md").read_text(), re.M)
    assert bytes.fromhex("".join(printed)) == files[0].getvalue()
