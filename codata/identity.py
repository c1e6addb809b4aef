"""Who claims: an ed25519 key, named by its did:key, and what it signs.

A signature covers a context string and the SHA-256 of a record's canonical claim, so that no signature on one
kind of record can pass for another. Source: did:key (W3C CCG), RFC 8032.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from multiformats import multibase

from cid_store.codecs import dag_cbor
from codata.errors import FalseClaim, HomeError
from codata.records.fields import Value

_ED25519 = b"\xed\x01"  # multicodec ed25519-pub as a varint
_PREFIX = "did:key:z"


@dataclass(frozen=True)
class Identity:
    """A private key and its DID."""

    key: Ed25519PrivateKey
    did: str

    @classmethod
    def of(cls, key: Ed25519PrivateKey) -> Identity:
        """The identity of this key."""
        return cls(key, did_of(key.public_key()))

    def sign(self, context: str, claim: Value) -> bytes:
        """The signature (64 bytes) over `claim` in `context`."""
        return self.key.sign(message(context, claim))


def message(context: str, claim: Value) -> bytes:
    """The signed bytes: context, a zero byte, SHA-256 of the claim's DAG-CBOR."""
    return context.encode() + b"\0" + hashlib.sha256(dag_cbor.encode(claim)).digest()


def verify(did: str, context: str, claim: Value, signature: bytes) -> None:
    """Raise `FalseClaim` unless `did` signed `claim` in `context`."""
    try:
        public_key(did).verify(signature, message(context, claim))
    except InvalidSignature:
        raise FalseClaim(f"the signature by {did} in {context} is false") from None


def did_of(key: Ed25519PublicKey) -> str:
    """The did:key of a public key."""
    return "did:key:" + str(multibase.encode(_ED25519 + key.public_bytes_raw(), "base58btc"))


def public_key(did: str) -> Ed25519PublicKey:
    """The public key of a did:key; raises `FalseClaim` where it is none for ed25519."""
    try:
        if not did.startswith(_PREFIX) or len(did) > 100:
            raise ValueError
        raw = multibase.decode(did.removeprefix("did:key:"))
        if raw[:2] != _ED25519 or len(raw) != 34:
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(bytes(raw[2:]))
    except (ValueError, KeyError):
        raise FalseClaim(f"{did[:100]!r} is not a did:key of an ed25519 key") from None


def load(path: Path) -> Identity:
    """The identity kept at `path`, made on first use (file mode 0600). Raises `HomeError`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return _create(path)
    except OSError as e:
        raise HomeError(f"can't read the private key {path}: {e.strerror}") from None
    return from_pem(data, None)


def _create(path: Path) -> Identity:
    """A new key, written so that a second process at the same instant gets the same one."""
    identity = Identity.of(Ed25519PrivateKey.generate())
    save(path, to_pem(identity, None), replace=False)
    return from_pem(path.read_bytes(), None)


def save(path: Path, pem: bytes, *, replace: bool) -> None:
    """Write a private key file, readable by its owner alone from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    with os.fdopen(fd, "wb") as f:
        f.write(pem)
        f.flush()
        os.fsync(f.fileno())
    try:
        if replace:
            fresh.rename(path)
        else:
            path.hardlink_to(fresh)  # fails where the file is there already: the first process wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)


def to_pem(identity: Identity, password: bytes | None) -> bytes:
    """The private key as PKCS #8 PEM, encrypted where a password is given."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def from_pem(data: bytes, password: bytes | None) -> Identity:
    """The identity in a PEM file; raises `HomeError` where it is no ed25519 key or the password is wrong."""
    try:
        key = load_pem_private_key(data, password)
    except (ValueError, TypeError):
        raise HomeError("the private key file can't be read, or needs another password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise HomeError("the private key is not an ed25519 key")
    return Identity.of(key)
