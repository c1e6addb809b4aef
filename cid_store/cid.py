"""CIDs: self-describing content identifiers.

A `CID` *is* its canonical text (base32 for version 1, base58btc for version 0), so it pickles, sorts, hashes
and serves as a dictionary key, a Dask key, a file name and an object key without conversion.

Source: the CID specification of multiformats.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple

from cid_store import multihash as mh
from cid_store import varint
from cid_store.errors import CorruptBlock, DecodeError, InvalidCID

RAW: Final = 0x55
DAG_PB: Final = 0x70
DAG_CBOR: Final = 0x71
DAG_JSON: Final = 0x0129

CODEC_NAMES: Final = {RAW: "raw", DAG_PB: "dag-pb", DAG_CBOR: "dag-cbor", DAG_JSON: "dag-json"}

_SHA256_V1_PREFIX: Final = {code: b"\x01" + varint.encode(code) + b"\x12\x20" for code in CODEC_NAMES}
_MAX_TEXT: Final = 2048  # far above any genuine CID; bounds the work on hostile text
_BASE32: Final = re.compile(r"b[a-z2-7]+\Z")
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class _Parts(NamedTuple):
    version: int
    codec: int
    hash_code: int
    digest: bytes


class CID(str):
    """A content identifier. `CID(text)` accepts any multibase form and keeps the canonical one."""

    __slots__ = ()

    def __new__(cls, text: str) -> CID:
        """Parse and canonicalise `text`; raises `InvalidCID`."""
        if isinstance(text, CID):
            return text
        return _parse_text(text)

    def __reduce__(self) -> tuple[object, ...]:
        # Text that was canonical when pickled is parsed again: pickles may come from anywhere.
        return CID, (str(self),)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> CID:
        """The CID whose binary form is exactly `data`; raises `InvalidCID`."""
        cid, end = cls.read(data)
        if end != len(data):
            raise InvalidCID(f"{len(data) - end} bytes follow the CID")
        return cid

    @classmethod
    def read(cls, data: bytes | memoryview, offset: int = 0) -> tuple[CID, int]:
        """The binary CID that begins at `offset`, and the offset after it."""
        try:
            if bytes(data[offset : offset + 2]) == b"\x12\x20":
                end = offset + 34
                if len(data) < end:
                    raise InvalidCID("CIDv0 is cut short")
                return _text_v0(bytes(data[offset:end])), end
            version, at = varint.decode(data, offset)
            if version != 1:
                raise InvalidCID(f"CID version {version} is not known")
            _, at = varint.decode(data, at)
            _, _, end = mh.decode(data, at)
        except DecodeError as e:
            raise InvalidCID(f"not a CID: {e}") from None
        return _text_v1(bytes(data[offset:end])), end

    @classmethod
    def sha256(cls, codec: int, digest: bytes) -> CID:
        """The CIDv1 of a sha2-256 digest: the one that everything written here uses."""
        prefix = _SHA256_V1_PREFIX.get(codec)
        return _text_v1(prefix + digest) if prefix else cls.build(codec, mh.SHA2_256, digest)

    @classmethod
    def make(cls, codec: int, data: bytes | memoryview, hash_code: int = mh.SHA2_256) -> CID:
        """Hash `data` and name it (CIDv1)."""
        if hash_code == mh.SHA2_256:
            return cls.sha256(codec, hashlib.sha256(data).digest())
        digest = mh.digest(hash_code, data)
        if hash_code == mh.IDENTITY and len(digest) > mh.MAX_IDENTITY:
            raise InvalidCID(f"an identity CID holds at most {mh.MAX_IDENTITY} bytes, not {len(digest)}")
        return cls.build(codec, hash_code, digest)

    @classmethod
    def build(cls, codec: int, hash_code: int, digest: bytes) -> CID:
        """The CIDv1 of these parts."""
        return _text_v1(b"\x01" + varint.encode(codec) + mh.encode(hash_code, digest))

    def __bytes__(self) -> bytes:
        return self.binary

    @property
    def binary(self) -> bytes:
        """The binary form."""
        return _binary(str(self))

    @property
    def version(self) -> int:
        """0 or 1."""
        return 0 if self.startswith("Q") else 1

    @property
    def codec(self) -> int:
        """The multicodec code of the content's codec."""
        return _parts(str(self)).codec

    @property
    def hash_code(self) -> int:
        """The multihash function code."""
        return _parts(str(self)).hash_code

    @property
    def digest(self) -> bytes:
        """The digest alone."""
        return _parts(str(self)).digest

    @property
    def multihash(self) -> bytes:
        """Function, length and digest: what stores are keyed by, so that codec and version do not matter."""
        parts = _parts(str(self))
        return mh.encode(parts.hash_code, parts.digest)

    def to_v1(self) -> CID:
        """The same content as CIDv1."""
        return self if self.version else CID.sha256(DAG_PB, self.digest)

    def to_v0(self) -> CID:
        """The same content as CIDv0; raises `InvalidCID` unless it is dag-pb under sha2-256."""
        parts = _parts(str(self))
        if (parts.codec, parts.hash_code, len(parts.digest)) != (DAG_PB, mh.SHA2_256, 32):
            raise InvalidCID("only dag-pb under sha2-256 has a CIDv0", cid=self)
        return _text_v0(b"\x12\x20" + parts.digest)

    def check(self, data: bytes | memoryview) -> None:
        """Raise `CorruptBlock` unless `data` is what this CID names."""
        parts = _parts(str(self))
        if parts.hash_code == mh.SHA2_256:
            actual = hashlib.sha256(data).digest()
        else:
            actual = mh.digest(parts.hash_code, data, len(parts.digest))
        if actual != parts.digest:
            raise CorruptBlock(f"block {self} does not match its hash ({len(data)} bytes)", cid=self)


def _new(text: str) -> CID:
    return str.__new__(CID, text)


def _text_v1(binary: bytes) -> CID:
    return _new("b" + base64.b32encode(binary).decode("ascii").rstrip("=").lower())


def _text_v0(binary: bytes) -> CID:
    number, out = int.from_bytes(binary, "big"), []
    while number:
        number, digit = divmod(number, 58)
        out.append(_BASE58[digit])
    return _new("".join(reversed(out)))


@lru_cache(maxsize=4096)
def _binary(text: str) -> bytes:
    if text.startswith("Q"):
        number = 0
        for char in text:
            number = number * 58 + _BASE58.index(char)
        return number.to_bytes(34, "big")
    body = text[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))


@lru_cache(maxsize=4096)
def _parts(text: str) -> _Parts:
    data = _binary(text)
    if text.startswith("Q"):
        return _Parts(0, DAG_PB, mh.SHA2_256, data[2:])
    codec, at = varint.decode(data, 1)
    hash_code, digest, _ = mh.decode(data, at)
    return _Parts(1, codec, hash_code, digest)


def _parse_text(text: str) -> CID:
    if not text or len(text) > _MAX_TEXT:
        raise InvalidCID("a CID is between 1 and 2048 characters of text")
    try:
        if len(text) == 46 and text.startswith("Qm"):
            if any(c not in _BASE58 for c in text):
                raise InvalidCID(f"{text!r} is not base58btc")
            data = _binary(text)
            if data[:2] != b"\x12\x20":
                raise InvalidCID(f"{text!r} is not a CIDv0")
        elif _BASE32.match(text):
            data = _binary(text)
        else:
            from multiformats import multibase  # slow and rarely needed: only foreign bases come here

            data = bytes(multibase.decode(text))
            if data[:1] == b"\x12":
                raise InvalidCID("a CIDv0 has no multibase prefix")
        cid = CID.from_bytes(data)
    except InvalidCID:
        raise
    except (ValueError, KeyError, OverflowError):
        raise InvalidCID(f"{text[:80]!r} is not a CID") from None
    if text[0] == "b" and cid != text:
        raise InvalidCID(f"{text[:80]!r} is not canonical base32", next_step=f"write it as {cid}")
    return cid
