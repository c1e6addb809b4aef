"""Golden values: what the specification states is what is written."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from cid_store.cid import CID, RAW
from codata.errors import EngineMismatch
from codata.table import encode_table, golden, logical_hash, schema_from_value

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "table.md"


def spec_rows(heading: str, page: Path = SPEC) -> list[list[str]]:
    """The cells of the rows under a table heading in the specification."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = lines.index(heading) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([_unquoted(cell.strip()) for cell in line.strip("|").split("|")])
    return found


def _unquoted(cell: str) -> str:
    return cell[1:-1] if re.fullmatch(r"`[^`]*`", cell) else cell


ROWS = spec_rows("| type | values | CID | logical hash |")


@pytest.mark.parametrize(("type_", "values", "cid", "digest"), ROWS)
def test_tables_of_the_specification(type_: str, values: str, cid: str, digest: str) -> None:
    schema = schema_from_value([{"name": "c", "type": json.loads(type_)}])
    rows = json.loads(values)
    if pa.types.is_decimal(schema.field("c").type):
        rows = [None if v is None else Decimal(v) for v in rows]
    table = pa.table({"c": pa.array(rows, schema.field("c").type)})
    assert CID.make(RAW, encode_table(table).to_pybytes()) == cid
    assert logical_hash(table).hex() == digest


def test_the_golden_table_of_the_specification() -> None:
    ((size, digest, cid, logical),) = spec_rows("| bytes | SHA-256 of the bytes | CID | logical hash |")
    data = golden.golden_bytes().to_pybytes()
    assert len(data) == int(size)
    assert hashlib.sha256(data).hexdigest() == digest == golden.GOLDEN_SHA256
    assert CID.make(RAW, data) == cid
    assert logical_hash(golden.golden_table()).hex() == logical


def test_every_canonical_kind_is_in_the_golden_table() -> None:
    names = json.dumps([str(f.type) for f in golden.golden_table().schema])
    for kind in ("null", "bool", "int8", "uint64", "halffloat", "float", "double", "decimal256", "struct"):
        assert kind in names


def test_another_writer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "GOLDEN_SHA256", "0" * 64)
    golden.check_engine.cache_clear()
    try:
        with pytest.raises(EngineMismatch, match=pa.__version__):
            encode_table(pa.table({"c": [1]}))
    finally:
        golden.check_engine.cache_clear()
