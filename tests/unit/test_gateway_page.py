"""The page: true, and plain text to a browser whatever strangers wrote."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cid_store.cid import CID, RAW
from codata.home import Home
from codata.provider.facts import Facts, Named, RunFacts, Word, collect
from codata.provider.page import render
from codata.provider.settings import Settings
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.job import Job, Ref, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.records.run import Run
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
        "3,000 rows, 2 shards",
        "not held here",
        "can't be read",
        home.identity.did,
    ):
        assert fact in page.text
    assert provider.get("/").text == answer.text


def test_a_page_can_be_left_out(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", page=False)) as running:
        assert running.get("/").status_code == 404


def _attest(home: Home, run: CID, verifier: str, verdicts: dict[int, str]) -> None:
    values = [{"task": CID.make(RAW, b"task %d" % n), "verdict": word} for n, word in verdicts.items()]
    checked = sum(word != "not checkable" for word in verdicts.values())
    attestation = Attestation(
        verifier, run, "verified", 6, checked, {}, pages.put(home.store, values), SOME, bytes(64)
    )
    home.ledger.add_attestation(run, attestation.save(home.store))


def test_coverage_adds_up_over_verifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Home(tmp_path) as home:
        call = StepCall("text.normalize", 1, {}, {"table": Ref("data")})
        job = Job(("data",), (call,), {"out": Ref("out", 0)}).save(home.store)
        rows = pages.put(home.store, [])
        run = Run(job, 1, {"data": SOME}, {"out": SOME}, rows, 6, "did:key:z", bytes(64)).save(home.store)
        home.ledger.add_run(run, [SOME])
        assert collect(home).runs[0].covered == 0
        _attest(home, run, "did:key:zA", {1: "identical", 2: "equal", 3: "not checkable"})
        _attest(home, run, "did:key:zB", {2: "identical", 4: "different"})
        (facts,) = collect(home).runs
        assert (facts.covered, facts.tasks, facts.steps) == (3, 6, ("text.normalize",))
        assert {word.checked for word in facts.words} == {2}
        assert "3 of 6 tasks run again" in render(collect(home), "1", "did:key:z")
        monkeypatch.setattr("codata.provider.facts.MAX_VERDICTS", 3)
        assert collect(home).runs[0].covered == 2


def test_a_run_that_is_not_held_is_counted_alone(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        home.ledger.add_run(CID.make(0x71, b"elsewhere"), [])
        facts = collect(home)
    assert (facts.runs, facts.all_runs) == ((), 1)
