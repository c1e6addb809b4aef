"""The page: true, and plain text to a browser whatever strangers wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cid_store.cid import CID, RAW
from codata.home import Home
from codata.identity import Identity
from codata.provider.facts import Collector, Facts, Named, RunFacts, Word
from codata.provider.page import render
from codata.provider.settings import Settings
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.job import Job, Ref, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.records.run import Run
from codata.verify.verify import CONTEXT
from tests.unit.gateway_serving import Running, serving

SOME = CID.make(RAW, b"some")
EVIL = "<script>alert(1)</script><img src=x onerror='a'>\"&"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as running:
        yield running


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def _parsed(html: str) -> _Tags:
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return parser


def test_nothing_that_strangers_wrote_becomes_markup() -> None:
    run = RunFacts(SOME, (EVIL,), {EVIL: SOME}, 7, 3, (Word(EVIL, EVIL, 3),))
    facts = Facts((Named(EVIL, SOME, EVIL),), (run,), 1, 1)
    page = _parsed(render(facts, EVIL, EVIL))
    assert page.text.count(EVIL) == 8
    assert not page.tags & {"script", "img", "link", "iframe", "form"}
    assert not page.attributes & {"src", "href", "onerror", "style"}
    assert "3 of 7 tasks run again" in page.text


def test_what_is_left_out_is_counted() -> None:
    text = _parsed(render(Facts((Named("a", SOME, ""),), (), 1_234, 0), "1", "did:key:z")).text
    assert "and 1,233 more" in text


def test_the_page_of_a_home(provider: Running) -> None:
    home = provider.home
    manifest = Manifest.make(home.store, [], [ShardRef(SOME, 1_500, 10, bytes(32))] * 2).save(home.store)
    home.names.give("numbers", manifest)
    home.names.give("gone", CID.make(0x71, b"not here"))
    home.names.give("broken", home.store.put(b"\xa1", 0x71))
    home.names.give("file", home.store.put(b"some file"))
    answer = provider.get("/")
    page = _parsed(answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for fact in (
        "numbers",
        manifest,
        "rows 3,000, shards 2",
        "not held here",
        "can't be read",
        home.identity.did,
    ):
        assert fact in page.text
    assert provider.get("/").text == answer.text


def test_a_page_can_be_left_out(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", page=False)) as running:
        assert running.get("/").status_code == 404


def _attest(home: Home, run: CID, verdicts: dict[int, str], *, signed: bool = True) -> None:
    values = [{"task": CID.make(RAW, b"task %d" % n), "verdict": word} for n, word in verdicts.items()]
    checked = sum(word != "not checkable" for word in verdicts.values())
    verifier = Identity.of(Ed25519PrivateKey.generate())
    word = Attestation(
        verifier.did, run, "verified", 6, checked, {}, pages.put(home.store, values), SOME, bytes(64)
    )
    if signed:
        word = replace(word, signature=verifier.sign(CONTEXT, word.claim()))
    home.ledger.add_attestation(run, word.save(home.store))


def test_coverage_adds_up_over_verifiers_who_signed(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        call = StepCall("text.normalize", 1, {}, {"table": Ref("data")})
        job = Job(("data",), (call,), {"out": Ref("out", 0)}).save(home.store)
        rows = pages.put(home.store, [])
        run = Run(job, 1, {"data": SOME}, {"out": SOME}, rows, 6, "did:key:z", bytes(64)).save(home.store)
        home.ledger.add_run(run, [SOME])
        collector = Collector(home)
        assert collector.collect().runs[0].covered == 0
        _attest(home, run, {1: "identical", 2: "equal", 3: "not checkable"})
        _attest(home, run, {2: "identical", 4: "different"})
        _attest(home, run, {5: "identical"}, signed=False)
        (facts,) = collector.collect().runs
        assert (facts.covered, facts.tasks, facts.steps) == (2, 6, ("text.normalize",))
        assert [word.checked for word in facts.words] == [2, 2]
        assert "2 of 6 tasks run again" in render(collector.collect(), "1", "did:key:z")
        assert collector.collect().runs[0] is facts


def test_a_run_that_is_not_held_is_counted_alone(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        home.ledger.add_run(CID.make(0x71, b"elsewhere"), [])
        facts = Collector(home).collect()
    assert (facts.runs, facts.all_runs) == ((), 1)
