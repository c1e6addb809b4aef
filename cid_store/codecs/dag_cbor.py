"""DAG-CBOR: strict both ways. Values: None, bool, int, float, str, bytes, list, dict with str keys, and CID.

Source: the DAG-CBOR specification of IPLD. Why cbrrr, and what is added: docs/decisions/0004-dag-cbor.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import cbrrr

from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import depth
from cid_store.codecs.cbor_shape import check_shape
from cid_store.codecs.link import read_link
from cid_store.errors import DecodeError, EncodeError, LimitExceeded

name: Final = "dag-cbor"
code: Final = DAG_CBOR

MAX_DEPTH: Final = depth.MAX_DEPTH
"""Lists and maps inside each other, at most."""


def encode(value: Any) -> bytes:
    """The one encoding of `value`. Raises `EncodeError`, also for values deeper than `MAX_DEPTH`."""
    depth.check_value(value)
    try:
        return cbrrr.encode_dag_cbor(value, cid_type=CID)
    except (TypeError, ValueError) as e:
        raise EncodeError(f"DAG-CBOR can't express the value: {e}") from None


def decode(data: bytes | memoryview) -> Any:
    """The value of `data`. Raises `DecodeError`, or `LimitExceeded` beyond `MAX_DEPTH`."""
    return _decode(data, read_link)


def links(data: bytes | memoryview) -> Iterator[CID]:
    """The links in `data`, in the order of its bytes, repeats included. Raises like `decode`."""
    # A scan of our own would take longer than cbrrr takes to build the lists and maps that are dropped here.
    found: list[bytes] = []
    _decode(data, found.append)
    return map(read_link, found)


def _decode(data: bytes | memoryview, on_link: Any) -> Any:
    check_shape(data)
    try:
        return cbrrr.decode_dag_cbor(data, cid_ctor=on_link)  # type: ignore[arg-type]
    except ValueError as e:
        raise DecodeError(f"not DAG-CBOR: {e}") from None
    except MemoryError:
        raise LimitExceeded(f"no memory to decode {len(data)} bytes of DAG-CBOR") from None
