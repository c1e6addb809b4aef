"""Signed requests: the published case, and what must not pass."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from cid_store.errors import UsageError
from codata import signing
from codata.identity import Identity
from codata.signing import BadSignature, NotSigned, Signed, check, sign

NOW = 1_800_000_000
URL = "http://data.example:8080/tasks?wait=3"
BODY = b'{"tasks": []}'
ME = Identity.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Identity.of(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def checked(headers: dict[str, str], **changed: object) -> Signed:
    """Check a request as `sign` expects it, but for what is `changed`."""
    asked: dict[str, object] = {
        "method": "POST",
        "authority": "data.example:8080",
        "path": "/tasks",
        "query": "wait=3",
        "body": BODY,
        "now": NOW,
    }
    return check(headers=headers, **(asked | changed))  # type: ignore[arg-type]


def headers(now: float = NOW) -> dict[str, str]:
    return sign(ME, "POST", URL, BODY, now=now)


# The key and the request of RFC 9421, B.1.4 and B.2.6.
RFC_KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
RFC_VALUES = {
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "@method": "POST",
    "@path": "/foo",
    "@authority": "example.com",
    "content-type": "application/json",
    "content-length": "18",
}
RFC_PARAMETERS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="


def test_the_published_case() -> None:
    key = load_pem_private_key(RFC_KEY, None)
    assert isinstance(key, Ed25519PrivateKey)
    message = signing.base(list(RFC_VALUES), RFC_VALUES, RFC_PARAMETERS)
    assert base64.b64encode(key.sign(message)).decode() == RFC_SIGNATURE


def test_the_published_digest() -> None:
    # RFC 9530, appendix B.1: the representation {"hello": "world"} with its line feed.
    assert signing.digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_a_signed_request_passes_and_names_its_signer() -> None:
    signed = checked(headers())
    assert (signed.did, signed.expires) == (ME.did, NOW + signing.LIFE)
    assert len(base64.urlsafe_b64decode(signed.nonce + "==")) == 16


def test_nonces_differ() -> None:
    assert checked(headers()).nonce != checked(headers()).nonce


def test_a_request_without_body() -> None:
    made = sign(ME, "get", "https://data.example/offer", None, now=NOW)
    assert "content-digest" not in made
    asked = {"method": "GET", "authority": "Data.Example", "path": "/offer", "query": "?"}
    assert checked(made, **asked, body=None).did == ME.did


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "DELETE"},
        {"authority": "data.example"},
        {"authority": "other.example:8080"},
        {"path": "/tasks/"},
        {"path": "/blocks"},
        {"query": "wait=30"},
        {"query": ""},
        {"body": BODY + b" "},
        {"body": b""},
    ],
)
def test_another_request_does_not_pass(changed: dict[str, object]) -> None:
    with pytest.raises(BadSignature):
        checked(headers(), **changed)


def test_another_body_with_its_own_digest_does_not_pass() -> None:
    with pytest.raises(BadSignature):
        checked(headers() | {"content-digest": signing.digest(b"[]")}, body=b"[]")


def test_a_body_must_be_covered() -> None:
    bare = sign(ME, "POST", URL, None, now=NOW)
    with pytest.raises(BadSignature, match="does not cover content-digest"):
        checked(bare | {"content-digest": signing.digest(BODY)})


@pytest.mark.parametrize("late", [signing.LIFE, signing.LIFE + 1, 10**9])
def test_an_old_signature_does_not_pass(late: int) -> None:
    with pytest.raises(BadSignature, match="expired"):
        checked(headers(), now=NOW + late)


def test_clocks_may_differ_a_little() -> None:
    assert checked(headers(), now=NOW - signing.AHEAD)
    assert checked(headers(), now=NOW + signing.LIFE - 1)
    with pytest.raises(BadSignature, match="future"):
        checked(headers(), now=NOW - signing.AHEAD - 1)


def test_without_a_signature() -> None:
    with pytest.raises(NotSigned):
        checked({})


def test_another_key_does_not_pass() -> None:
    made = headers()
    made["signature-input"] = made["signature-input"].replace(ME.did, OTHER.did)
    with pytest.raises(BadSignature, match="as it came"):
        checked(made)


def _signed_anew(parameters: str) -> dict[str, str]:
    """A good signature over parameters of any form."""
    covered = [name.strip('"') for name in parameters[1 : parameters.index(")")].split(" ")]
    values = {
        "@method": "POST",
        "@authority": "data.example:8080",
        "@path": "/tasks",
        "@query": "?wait=3",
        "content-digest": signing.digest(BODY),
    }
    signature = base64.b64encode(ME.key.sign(signing.base(covered, values, parameters))).decode()
    return {
        "content-digest": values["content-digest"],
        "signature-input": f"codata={parameters}",
        "signature": f"codata=:{signature}:",
    }


def _parameters(**changed: str | None) -> str:
    given: dict[str, str | None] = {
        "created": str(NOW),
        "expires": str(NOW + 300),
        "nonce": '"AAAAAAAAAAAAAAAAAAAAAA"',
        "keyid": f'"{ME.did}"',
        "alg": '"ed25519"',
        "tag": '"codata/1"',
    }
    return '("@method" "@authority" "@path" "@query" "content-digest")' + "".join(
        f";{name}={value}" for name, value in (given | changed).items() if value is not None
    )


def test_parameters_may_stand_in_any_order() -> None:
    reordered = _parameters(alg=None) + ';alg="ed25519"'
    assert checked(_signed_anew(reordered)).did == ME.did


@pytest.mark.parametrize(
    "parameters",
    [
        _parameters(created=None),
        _parameters(expires=None),
        _parameters(nonce=None),
        _parameters(keyid=None),
        _parameters(tag=None),
        _parameters(alg=None),
        _parameters(alg='"rsa-v1_5-sha256"'),
        _parameters(tag='"other/1"'),
        _parameters(nonce='"short"'),
        _parameters(nonce='"' + "A" * 87 + '"'),
        _parameters(nonce="1"),
        _parameters(created='"now"'),
        _parameters(created="-1"),
        _parameters(expires=str(NOW + 301)),
        _parameters(expires=str(NOW)),
        _parameters(keyid='"did:key:z6Mk"'),
        _parameters(keyid='"did:web:data.example"'),
        _parameters(more="1"),
        _parameters() + ';tag="codata/1"',
        _parameters().replace(";created", "; created"),
        _parameters().replace('"@query" ', ""),
        _parameters().replace('"@query"', '"@query" "@query"'),
        _parameters() + " " * 3000,
    ],
)
def test_a_signature_of_another_form_does_not_pass(parameters: str) -> None:
    with pytest.raises(BadSignature):
        checked(_signed_anew(parameters))


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": ""},
        {"signature": "codata=:AAAA:"},
        {"signature": "other=:" + "A" * 86 + "==:"},
        {"signature": "codata=:" + "A" * 86 + "==:"},
        {"signature-input": ""},
        {"signature-input": "codata=()"},
        {"signature-input": 'codata=("@method"'},
        {"signature-input": "codata=" + "(" * 2000},
    ],
)
def test_malformed_headers_do_not_pass(changed: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        checked(headers() | changed)


@given(st.data())
def test_no_character_of_the_headers_may_be_another(data: st.DataObject) -> None:
    made = headers()
    name = data.draw(st.sampled_from(sorted(made)))
    at = data.draw(st.integers(0, len(made[name]) - 1))
    other = data.draw(st.characters(max_codepoint=0x2FF).filter(lambda c: c != made[name][at]))
    changed = made[name][:at] + other + made[name][at + 1 :]
    with pytest.raises(BadSignature):
        checked(made | {name: changed})


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_the_headers_hold_is_refused(signature_input: str, signature: str) -> None:
    with pytest.raises(BadSignature):
        checked({"signature-input": signature_input, "signature": signature})


def test_two_signatures_are_not_read() -> None:
    made = headers()
    twice = {name: f"{value}, {value}" for name, value in made.items() if name.startswith("signature")}
    with pytest.raises(BadSignature):
        checked(made | twice)


def test_what_is_covered_must_be_in_the_request() -> None:
    made = headers()
    made["signature-input"] = made["signature-input"].replace('"@query"', '"@query" "date"')
    with pytest.raises(BadSignature, match="'date', which is not in the request"):
        checked(made)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://Data.Example:80/", "data.example"),
        ("https://data.example:443", "data.example"),
        ("https://data.example:80", "data.example:80"),
        ("http://[::1]:8080/x", "[::1]:8080"),
    ],
)
def test_the_authority_of_a_url(url: str, authority: str) -> None:
    assert signing.target_of(url).authority == authority


@pytest.mark.parametrize(
    "url", ["", "data.example", "ftp://data.example/", "http://", "http://[::1/", "http://a:b/"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(UsageError):
        sign(ME, "GET", url, None)
