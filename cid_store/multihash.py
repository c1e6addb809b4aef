"""Multihashes: which hash functions exist here, and how a digest names its function.

Source: the multihash specification and the multicodec table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cid_store import varint
from cid_store.errors import DecodeError, UnsupportedHash

IDENTITY: Final = 0x00
SHA2_256: Final = 0x12
SHA2_512: Final = 0x13
BLAKE3: Final = 0x1E
_BLAKE2B_BASE: Final = 0xB200  # 0xb201..0xb240: blake2b with 8..512 bits

MAX_IDENTITY: Final = 128  # bytes; longer "hashes" would smuggle data past every size limit
MAX_DIGEST: Final = 128
MIN_DIGEST: Final = 20
"""Bytes of a hash that proves anything: of fewer, other data with the same digest can be found."""

Buffer = bytes | bytearray | memoryview


def _blake3(data: Buffer, size: int) -> bytes:
    try:
        import blake3
    except ImportError:
        raise UnsupportedHash(
            "this block is hashed with BLAKE3, which is not installed",
            next_step="pip install 'codata-pipeline[blake3]'",
        ) from None
    digest: bytes = blake3.blake3(data).digest(length=size)
    return digest


def _fixed(make: Callable[..., Any], size: int) -> Callable[[Buffer, int], bytes]:
    def run(data: Buffer, want: int) -> bytes:
        if want != size:
            raise UnsupportedHash(f"a {want}-byte digest is not accepted for a {size}-byte hash")
        found: bytes = make(data).digest()
        return found

    return run


def _identity(data: Buffer, size: int) -> bytes:
    return bytes(data)


def _function(code: int) -> tuple[str, int, Callable[[Buffer, int], bytes]]:
    if _BLAKE2B_BASE < code <= _BLAKE2B_BASE + 64:
        size = code - _BLAKE2B_BASE
        return f"blake2b-{size * 8}", size, _fixed(partial(hashlib.blake2b, digest_size=size), size)
    try:
        return _FUNCTIONS[code]
    except KeyError:
        raise UnsupportedHash(f"multihash function 0x{code:x} is not supported") from None


_FUNCTIONS: Final[dict[int, tuple[str, int, Callable[[Buffer, int], bytes]]]] = {
    IDENTITY: ("identity", 0, _identity),
    SHA2_256: ("sha2-256", 32, _fixed(hashlib.sha256, 32)),
    SHA2_512: ("sha2-512", 64, _fixed(hashlib.sha512, 64)),
    BLAKE3: ("blake3", 32, _blake3),
}


def name(code: int) -> str:
    """The multicodec name of a function; raises `UnsupportedHash`."""
    return _function(code)[0]


def code(name_: str) -> int:
    """The code of a function by its multicodec name; raises `UnsupportedHash`."""
    for known, (text, _, _) in _FUNCTIONS.items():
        if text == name_:
            return known
    if name_.startswith("blake2b-") and name_[8:].isdigit():
        bits = int(name_[8:])
        if bits % 8 == 0 and 8 <= bits <= 512:
            return _BLAKE2B_BASE + bits // 8
    raise UnsupportedHash(f"hash function {name_!r} is not known")


def digest(function: int, data: Buffer, size: int | None = None) -> bytes:
    """The digest of `data` under `function`, `size` bytes long (default: the function's own length).

    Raises `UnsupportedHash`, also for one too short to prove anything.
    """
    _, default, run = _function(function)
    size = default if size is None else size
    if function != IDENTITY and size < MIN_DIGEST:
        raise UnsupportedHash(f"a digest of {size} bytes proves nothing: it has {MIN_DIGEST} at least")
    return run(data, size)


def encode(function: int, value: bytes) -> bytes:
    """`function`, length and digest as one multihash."""
    return varint.encode(function) + varint.encode(len(value)) + value


def decode(data: Buffer, offset: int = 0) -> tuple[int, bytes, int]:
    """Function, digest and the offset after them. Any function code parses: only hashing needs to know it."""
    function, offset = varint.decode(data, offset)  # type: ignore[arg-type]
    size, offset = varint.decode(data, offset)  # type: ignore[arg-type]
    if size > MAX_DIGEST:
        raise DecodeError(f"a digest of {size} bytes is over the limit of {MAX_DIGEST}")
    end = offset + size
    if end > len(data):
        raise DecodeError("multihash is cut short")
    return function, bytes(data[offset:end]), end
