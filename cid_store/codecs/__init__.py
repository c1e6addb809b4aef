"""Codecs: how bytes become values and links. One module each: `name`, `code`, `encode`, `decode`, `links`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from cid_store.cid import CID
from cid_store.codecs import dag_cbor, dag_json, dag_pb, raw
from cid_store.errors import UnsupportedCodec

__all__ = ["Codec", "by_code", "by_name", "dag_cbor", "dag_json", "dag_pb", "raw"]


class Codec(Protocol):
    """What every codec module offers."""

    @property
    def name(self) -> str:
        """The multicodec name."""

    @property
    def code(self) -> int:
        """The multicodec code."""

    def encode(self, value: Any, /) -> bytes:
        """The one encoding of `value`; raises `EncodeError`."""

    def decode(self, data: bytes | memoryview, /) -> Any:
        """The value of `data`; raises `DecodeError` or `LimitExceeded`."""

    def links(self, data: bytes | memoryview, /) -> Iterator[CID]:
        """The links of `data` in the order of its bytes, repeats included; raises like `decode`."""


_CODECS: Final[tuple[Codec, ...]] = (raw, dag_pb, dag_cbor, dag_json)
_BY_CODE: Final = {codec.code: codec for codec in _CODECS}
_BY_NAME: Final = {codec.name: codec for codec in _CODECS}


def by_code(code: int) -> Codec:
    """The codec of a multicodec code; raises `UnsupportedCodec`."""
    try:
        return _BY_CODE[code]
    except KeyError:
        raise UnsupportedCodec(
            f"codec 0x{code:x} is not known here", next_step=f"only {_known()} can be decoded"
        ) from None


def by_name(name: str) -> Codec:
    """The codec of a multicodec name; raises `UnsupportedCodec`."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnsupportedCodec(
            f"codec {name!r} is not known here", next_step=f"choose one of {_known()}"
        ) from None


def _known() -> str:
    return ", ".join(_BY_NAME)
