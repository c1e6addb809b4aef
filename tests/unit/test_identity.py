"""Keys, DIDs, signatures, and key files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from codata import identity
from codata.errors import FalseClaim, HomeError

ME = identity.Identity.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_a_golden_did() -> None:
    """docs/spec/records.md repeats it: the key whose private bytes are 0 to 31."""
    did = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"
    assert ME.did == did
    assert identity.public_key(did).public_bytes_raw() == ME.key.public_key().public_bytes_raw()


def test_a_signature_holds_for_its_claim_context_and_signer_alone() -> None:
    other = identity.Identity.of(Ed25519PrivateKey.generate())
    signature = ME.sign("codata/x/1", {"a": 1})
    assert signature.hex().startswith("539c4ab035921c8f")  # docs/spec/records.md repeats it
    identity.verify(ME.did, "codata/x/1", {"a": 1}, signature)
    for did, context, claim in [
        (other.did, "codata/x/1", {"a": 1}),
        (ME.did, "codata/y/1", {"a": 1}),
        (ME.did, "codata/x/1", {"a": 2}),
    ]:
        with pytest.raises(FalseClaim, match="is false"):
            identity.verify(did, context, claim, signature)
    with pytest.raises(FalseClaim):
        identity.verify(ME.did, "codata/x/1", {"a": 1}, b"short")


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:",
        "did:key:z",
        "did:key:z6Mk",
        "did:key:z0OIl",
        "did:key:z" + "1" * 80,
        "did:key:z" + "z" * 10_000,
        "did:key:f" + "ed01" + "00" * 32,
        "did:web:example.com",
        "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",  # x25519
        "did:key:zé",
        ME.did + "\n",
        ME.did + "z",
    ],
)
def test_what_is_no_did(did: str) -> None:
    with pytest.raises(FalseClaim, match="is not a did:key"):
        identity.public_key(did)


def test_a_key_file_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "identity.pem"
    with ThreadPoolExecutor(8) as pool:
        dids = {made.did for made in pool.map(identity.load, [path] * 8)}
    assert len(dids) == 1
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_a_password_protects_an_exported_key() -> None:
    pem = identity.to_pem(ME, b"secret")
    assert identity.from_pem(pem, b"secret").did == ME.did
    for password in (None, b"", b"wrong"):
        with pytest.raises(HomeError):
            identity.from_pem(pem, password)


def test_what_is_no_key_file() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"nonsense", other):
        with pytest.raises(HomeError):
            identity.from_pem(data, None)
