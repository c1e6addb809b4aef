"""Fuzz one parser with coverage guidance: whatever the bytes, a value or a named error, within bounds.

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris -e .
    /tmp/fuzz/bin/python scripts/fuzz.py TARGET [corpus folder] [-max_total_time=600]

Targets: see `TARGETS`. What it found once is kept in the tests as small cases.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["cid_store", "codata"]):
    from cid_store.car import open_car, read_index, verify_car
    from cid_store.car.source import FileSource
    from cid_store.cid import CID
    from cid_store.codecs import dag_cbor, dag_json, dag_pb
    from cid_store.errors import CidStoreError
    from cid_store.unixfs import data as unixfs_data


def _roundtrip(decode: Callable[[bytes], object], encode: Callable[..., bytes]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        value = decode(data)
        if encode(value) != data:
            raise AssertionError("bytes that are not canonical were accepted")

    return run


def _car(data: bytes) -> None:
    verify_car(io.BytesIO(data))
    with open_car(io.BytesIO(data)) as car:
        for section in car.sections():
            car.get(section.cid)


def _cid_text(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if CID(CID(text)) != CID(text):
        raise AssertionError("a CID's text is not stable")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "dag-cbor": _roundtrip(dag_cbor.decode, dag_cbor.encode),
    "dag-json": lambda data: void(dag_json.decode(data)),
    "dag-pb": lambda data: void(dag_pb.decode(data)),
    "unixfs": lambda data: void(unixfs_data.decode(data)),
    "car": _car,
    "car-index": lambda data: void(read_index(FileSource(io.BytesIO(data)))),
    "cid": lambda data: void(CID.from_bytes(data)),
    "cid-text": _cid_text,
}


def void(value: object) -> None:
    """Drop a result."""


def main() -> None:
    """Fuzz the target named first."""
    target = TARGETS[sys.argv[1]]

    def one(data: bytes) -> None:
        with suppress(CidStoreError):
            target(data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
