"""Who a provider is: a proof that is its own, fresh, and for who was asked, which nobody can pass on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from codata import introduction
from codata.errors import FalseClaim
from codata.holdings.ask import clients
from codata.identity import Identity
from codata.provider.authority import Authorities
from codata.remote.errors import ProviderLied
from tests.asking import somebody
from tests.fake_provider import Behaviour, fake_provider
from tests.listening import SilentHandler, listening
from tests.unit.gateway_serving import Running, serving

ME, OTHER = somebody(1), somebody(2)
HERE = "127.0.0.1:8080"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("provider")) as running:
        yield running


def _authority(running: Running) -> str:
    return running.url.removeprefix("http://")


def test_a_golden_proof() -> None:
    """docs/spec/provider.md repeats it."""
    me = Identity.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    proof = "heNebzwsU47Rc5JsPqKe76wSrmOhpwDDma8K8dcrch/QZTsNR1XTpu30ZSWMAMFP0ac5l3AzssovlS1+s/p3Bw=="
    assert introduction.prove(me, HERE, "AAECAwQFBgcICQoLDA0ODw") == proof
    introduction.check(me.did, HERE, "AAECAwQFBgcICQoLDA0ODw", proof)


def test_a_proof_is_for_one_key_one_authority_and_one_nonce() -> None:
    nonce = introduction.drawn()
    proof = introduction.prove(ME, HERE, nonce)
    introduction.check(ME.did, HERE, nonce, proof)
    for did, authority, drawn in (
        (OTHER.did, HERE, nonce),
        (ME.did, "127.0.0.1:8081", nonce),
        (ME.did, HERE, introduction.drawn()),
    ):
        with pytest.raises(FalseClaim):
            introduction.check(did, authority, drawn, proof)


@pytest.mark.parametrize("proof", [None, 7, "", "A" * 88, "A" * 86 + "==", "=" * 88, "A" * 1_000_000])
def test_what_is_no_proof(proof: object) -> None:
    with pytest.raises(FalseClaim):
        introduction.check(ME.did, HERE, introduction.drawn(), proof)


@pytest.mark.parametrize("did", ["", "did:web:example", "did:key:z6Mk", "did:key:z" + "1" * 1_000_000])
def test_what_is_no_did(did: str) -> None:
    nonce = introduction.drawn()
    with pytest.raises(FalseClaim):
        introduction.check(did, HERE, nonce, introduction.prove(ME, HERE, nonce))


@pytest.mark.parametrize(
    ("authority", "server", "mine"),
    [
        ("data.example", ("10.0.0.5", 80), True),  # announced
        ("data.example:8080", ("10.0.0.5", 8080), False),
        ("inner:9", ("10.0.0.5", 80), True),  # a further name, at any port
        ("10.0.0.5:8080", ("10.0.0.5", 8080), True),
        ("10.0.0.5", ("10.0.0.5", 80), True),
        ("10.0.0.5:8081", ("10.0.0.5", 8080), False),
        ("localhost:8080", ("127.0.0.1", 8080), True),
        ("localhost:8080", ("10.0.0.5", 8080), False),
        ("[::1]:8080", ("::1", 8080), True),
        ("evil.example", ("10.0.0.5", 80), False),
        ("", ("10.0.0.5", 80), False),
        ("[", ("10.0.0.5", 80), False),
        ("x:99999", ("10.0.0.5", 80), False),
        ("10.0.0.5", None, False),
    ],
)
def test_authorities_of_a_process(authority: str, server: tuple[str, int] | None, mine: bool) -> None:
    assert Authorities(["https://data.example"], ["inner"]).mine(authority, server) is mine


def test_a_provider_proves_itself_to_who_asks(provider: Running) -> None:
    nonce = introduction.drawn()
    assert "proof" not in provider.get("/health").json()
    said = provider.get(f"/health?nonce={nonce}").json()
    assert said["did"] == provider.home.identity.did
    introduction.check(said["did"], _authority(provider), nonce, said["proof"])


def test_a_provider_signs_for_no_other_authority(provider: Running) -> None:
    nonce = introduction.drawn()
    for host in ("127.0.0.1:1", "localhost", "127.0.0.1"):
        said = provider.get(f"/health?nonce={nonce}", Host=host).json()
        assert said["status"] == "ok" and "proof" not in said


@pytest.mark.parametrize("nonce", ["", "short", "A" * 23, "A" * 4000, "%00" * 22, "é" * 22])
def test_what_is_no_nonce_is_refused(provider: Running, nonce: str) -> None:
    answer = provider.get(f"/health?nonce={nonce}")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (400, "BadRequest")


@contextmanager
def _passing_on(provider: Running, *, host: bool) -> Iterator[str]:
    """A liar that passes questions on to an honest provider; with `host`, as they were asked of itself."""

    class Handler(SilentHandler):
        def do_GET(self) -> None:
            headers = {"Host": self.headers["Host"]} if host else {}
            body = httpx.get(provider.url + self.path, headers=headers).content
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as address:
        yield f"http://{address}"


def test_who_passes_a_proof_on_is_not_taken_for_its_maker(provider: Running) -> None:
    with (
        _passing_on(provider, host=False) as relay,
        _passing_on(provider, host=True) as mimic,
        clients(provider.home, [provider.url, relay, mimic]) as (honest, relaying, mimicking),
    ):
        assert honest.did() == provider.home.identity.did
        assert mimicking.did() == ""  # the provider signs for nobody else
        with pytest.raises(ProviderLied):
            relaying.did()


def test_an_offer_in_the_name_of_another_is_a_lie(tmp_path: Path, provider: Running) -> None:
    with (
        fake_provider(tmp_path / "fake", Behaviour(offer={"did": OTHER.did})) as fake,
        clients(provider.home, [fake.url]) as (client,),
        pytest.raises(ProviderLied, match=OTHER.did),
    ):
        client.offer()
