"""Signed requests: who sends one, that nobody changed it, and to whom and when it was sent.

RFC 9421 (HTTP Message Signatures) with ed25519, over the body's digest by RFC 9530. The key is named by its
did:key, so that none is looked up anywhere. docs/spec/tasks.md says what is covered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature

from cid_store.errors import CidStoreError, UsageError
from codata import identity
from codata.errors import FalseClaim
from codata.identity import Identity

TAG: Final = "codata/1"
"""What these signatures are for: one that was made for another purpose does not pass."""

LIFE: Final = 300
"""Seconds between `created` and `expires`, at most."""

AHEAD: Final = 60
"""Seconds that a signer's clock may be ahead. It may be behind by what is left until `expires`."""

DIGEST: Final = "content-digest"

_COVERED: Final = ("@method", "@authority", "@path", "@query")
_LABEL: Final = "codata"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_HEADER: Final = 2048  # characters
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,86}")  # 12 to 64 bytes in base64url; we send 16

# The headers in the grammar of RFC 9651, as far as this profile goes: one member; a list of plain strings;
# parameters that are integers, or strings without escapes.
_INPUT: Final = re.compile(r'([a-z][a-z0-9_-]*)=(\(("[!#-\[\]-~]+"(?: "[!#-\[\]-~]+")*)\)((?:;.+)?))')
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:([0-9]{1,15})|"([ !#-\[\]-~]*)")')
_SIGNATURE: Final = re.compile(r"([a-z][a-z0-9_-]*)=:([A-Za-z0-9+/]{86}==):")


class NotSigned(CidStoreError):
    """A request that needs a signature and has none."""

    default_next = "sign the request as docs/spec/tasks.md says"


class BadSignature(CidStoreError):
    """A signature that does not prove who sends this request, when, and to whom."""

    default_next = "sign the request anew, as docs/spec/tasks.md says, with a clock that is right"


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed a request, and its nonce, which counts once until `expires` (seconds since 1970)."""

    did: str
    nonce: str
    expires: int


class Target(NamedTuple):
    """Whom and what a URL names, as signatures cover it: `query` begins with its question mark."""

    authority: str
    path: str
    query: str


def target_of(url: str) -> Target:
    """The parts of an HTTP URL; raises `UsageError`."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.scheme not in _DEFAULT_PORTS:
        raise UsageError(f"{url[:200]!r} is no HTTP URL", next_step="write it as https://HOST/…")
    host = f"[{host}]" if ":" in host else host
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{port}"
    return Target(host, parts.path or "/", f"?{parts.query}")


def digest(body: bytes) -> str:
    """The Content-Digest header of a body (RFC 9530)."""
    return _digest_header(hashlib.sha256(body).digest())


def _digest_header(sha256: bytes) -> str:
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def sign(
    who: Identity, method: str, url: str, body: bytes | None, *, now: float | None = None
) -> dict[str, str]:
    """The headers to add to a request, by lower-case name. `body`: as it is sent; None where there is none.

    Good once, for `LIFE` seconds from `now` (seconds since 1970; default: the clock). Host, path and query
    must be sent as they stand in `url`. Raises `UsageError` for what is no HTTP URL.
    """
    headers = {} if body is None else {DIGEST: digest(body)}
    covered = [*_COVERED, *headers]
    created = int(time.time() if now is None else now)
    nonce = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    parameters = (
        "(" + " ".join(f'"{name}"' for name in covered) + ")"
        f';created={created};expires={created + LIFE};nonce="{nonce}"'
        f';keyid="{who.did}";alg="ed25519";tag="{TAG}"'
    )
    values = _values(method, target_of(url), headers)
    signature = base64.b64encode(who.key.sign(base(covered, values, parameters))).decode()
    return {**headers, "signature-input": f"{_LABEL}={parameters}", "signature": f"{_LABEL}=:{signature}:"}


def check(
    method: str,
    authority: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    now: float | None = None,
) -> Signed:
    """Who signed a request. Raises `NotSigned`, `BadSignature`.

    `authority`: the Host header; `path` and `query` as they were sent, `query` with or without its question
    mark; `headers` by lower-case name, several of one name joined by ", "; `body`: None where there is none.
    Whether the nonce is new and the authority is one's own is the caller's to check.
    """
    signed = check_head(method, authority, path, query, headers, has_body=body is not None, now=now)
    if body is not None:
        check_digest(headers, hashlib.sha256(body).digest())
    return signed


def check_head(
    method: str,
    authority: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    *,
    has_body: bool,
    now: float | None = None,
) -> Signed:
    """As `check`, before the body is read: `check_digest` is still to be asked about that."""
    covered, parameters, given = _read_input(headers)
    signature = _read_signature(headers, given["label"])
    signed = _who_and_when(given, time.time() if now is None else now)
    needed = {*_COVERED, DIGEST} if has_body else set(_COVERED)
    if lacking := sorted(needed.difference(covered)):
        raise BadSignature(f"the signature does not cover {', '.join(lacking)}")
    target = Target(authority.lower(), path, query if query.startswith("?") else f"?{query}")
    try:
        key = identity.public_key(signed.did)
        if identity.did_of(key) != signed.did:
            raise BadSignature("the signature's key is not in its one spelling")
        key.verify(signature, base(covered, _values(method, target, headers), parameters))
    except FalseClaim as e:
        raise BadSignature(e.message) from None
    except InvalidSignature:
        raise BadSignature(
            f"the signature by {signed.did} is not over {method[:20]} {authority[:80]}{path[:200]} as it came"
        ) from None
    return signed


def check_digest(headers: Mapping[str, str], sha256: bytes) -> None:
    """Raise `BadSignature` unless Content-Digest states this digest of a body."""
    if not hmac.compare_digest(headers.get(DIGEST, "").encode(), _digest_header(sha256).encode()):
        raise BadSignature("the body is not the one that Content-Digest states")


def base(covered: Sequence[str], values: Mapping[str, str], parameters: str) -> bytes:
    """The signature base (RFC 9421, 2.5): what is signed. Raises `BadSignature` for what has no value."""
    lines: list[str] = []
    for name in covered:
        if name not in values:
            raise BadSignature(f"the signature covers {name[:60]!r}, which is not in the request")
        lines.append(f'"{name}": {values[name]}')
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def _values(method: str, target: Target, headers: Mapping[str, str]) -> dict[str, str]:
    """The value of each component that can be covered. No header's name begins with @."""
    fields = {name: value.strip() for name, value in headers.items() if not name.startswith("@")}
    derived = (method.upper(), target.authority, target.path, target.query)
    return fields | dict(zip(_COVERED, derived, strict=True))


def _read_input(headers: Mapping[str, str]) -> tuple[list[str], str, dict[str, str]]:
    """What is covered, the parameters as they stand, and each by its name, with the signature's label."""
    text = headers.get("signature-input")
    if text is None:
        raise NotSigned("the request is not signed")
    found = _INPUT.fullmatch(text) if len(text) <= _MAX_HEADER else None
    given = _read_parameters(found[4]) if found else None
    if not found or given is None:
        raise BadSignature("Signature-Input is not one signature in the form that is read here")
    covered = [name.strip('"') for name in found[3].split(" ")]
    if len(set(covered)) != len(covered):
        raise BadSignature("the signature covers something twice")
    return covered, found[2], given | {"label": found[1]}


def _read_parameters(text: str) -> dict[str, str] | None:
    """Each parameter once, and no other than these; None where it is not so."""
    given = {name: number or string for name, number, string in _PARAMETER.findall(text)}
    read = "".join(found[0] for found in _PARAMETER.finditer(text))
    names = {"created", "expires", "nonce", "keyid", "alg", "tag"}
    return given if read == text and set(given) == names and text.count(";") == len(names) else None


def _read_signature(headers: Mapping[str, str], label: str) -> bytes:
    text = headers.get("signature", "")
    found = _SIGNATURE.fullmatch(text) if len(text) <= _MAX_HEADER else None
    signature = base64.b64decode(found[2]) if found else b""
    # Base64 has spare bits at its end: one signature has one spelling here.
    if not found or found[1] != label or base64.b64encode(signature).decode() != found[2]:
        raise BadSignature("Signature is not the 64 bytes that Signature-Input announces")
    return signature


def _who_and_when(given: Mapping[str, str], now: float) -> Signed:
    if (given["alg"], given["tag"]) != ("ed25519", TAG):
        raise BadSignature(f'the signature is not of alg "ed25519" and tag "{TAG}"')
    if not (given["created"].isdigit() and given["expires"].isdigit() and _NONCE.fullmatch(given["nonce"])):
        raise BadSignature("created and expires are seconds since 1970, nonce is base64url of 16 bytes")
    created, expires = int(given["created"]), int(given["expires"])
    if created > now + AHEAD:
        raise BadSignature(f"the signature is from the future, by {created - int(now)} seconds")
    if not created < expires <= created + LIFE:
        raise BadSignature(f"the signature is made for other than 1 to {LIFE} seconds")
    if expires <= now:
        raise BadSignature(f"the signature expired {int(now) - expires} seconds ago")
    return Signed(given["keyid"], given["nonce"], expires)
