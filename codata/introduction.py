"""How a server proves that it has the key of the DID that it states: it signs what the asker has drawn, and
the authority that was asked. So nobody can pass another's proof on as its own: that is for another authority.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import Final

from codata import identity
from codata.errors import FalseClaim
from codata.identity import Identity
from codata.records.fields import Value

CONTEXT: Final = "codata/introduction/1"

_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{22}")  # 16 bytes in base64url
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{86}==")


def drawn() -> str:
    """A fresh nonce: 16 random bytes in base64url without padding."""
    return secrets.token_urlsafe(16)


def is_nonce(text: str) -> bool:
    """Whether a text has the form of a nonce."""
    return _NONCE.fullmatch(text) is not None


def prove(who: Identity, authority: str, nonce: str) -> str:
    """The proof for who drew `nonce` and asked `authority` (lower case, as in RFC 9421, 2.2.3), in base64.

    `authority` must be `who`'s own: the caller sees to that.
    """
    return base64.b64encode(who.sign(CONTEXT, _claim(authority, nonce))).decode()


def check(did: str, authority: str, nonce: str, proof: object) -> None:
    """Raise `FalseClaim` unless `proof` is that of `did` for who drew `nonce` and asked `authority`."""
    if not isinstance(proof, str) or not _SIGNATURE.fullmatch(proof):
        raise FalseClaim(f"{authority} does not prove that it is {did[:100]}")
    identity.verify(did, CONTEXT, _claim(authority, nonce), base64.b64decode(proof))


def _claim(authority: str, nonce: str) -> Value:
    return {"authority": authority, "nonce": nonce}
