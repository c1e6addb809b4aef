"""The pages: true, and plain text to a browser whatever strangers wrote."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cid_store.cid import CID, RAW
from codata.attested import Attested
from codata.home import DATABASE, Home
from codata.identity import Identity
from codata.provider.page.details import DatasetDetails, RunDetails
from codata.provider.page.graph import Lineage, Node, draw
from codata.provider.page.overview import Client, Collector, Facts, Named, RunFacts
from codata.provider.page.overview import Queue as Waiting
from codata.provider.page.render import render
from codata.provider.page.things import Thing
from codata.provider.settings import Settings
from codata.provider.work.queue import Queue
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.job import Job, Ref, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.records.run import Run
from codata.tally import Tally, Work
from codata.verify.verify import CONTEXT
from tests.runs import Made, check, make_run
from tests.unit.gateway_serving import Running, serving

SOME = CID.make(RAW, b"some")
OTHER = CID.make(RAW, b"other")
EVIL = "<script>alert(1)</script><img src=x onerror='a'>\"&{{ 7 * 7 }}]]>"
OURS = {"did": "did:key:z", "version": "1"}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = make_run(tmp_path_factory.mktemp("page") / "home")
    with found.home() as home:
        home.names.give("rows", found.dataset)
        home.names.give("clean", found.output)
        check(home, found.run)
    return found


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name == "href"}
        if tag not in ("meta", "br", "path", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def _parsed(html: str) -> _Tags:
    """The page's parts. Every tag that is opened is closed, in order."""
    parser = _Tags()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def _word(verdict: str, verifier: str, method: str) -> Attested:
    record = Attestation(verifier, SOME, verdict, 7, 3, {"method": method}, SOME, SOME, bytes(64))
    return Attested(SOME, record)


def _run(text: str) -> RunFacts:
    ties = ((text, Thing(SOME, text)),)
    return RunFacts(SOME, text, (text,), ties, ties, 9, 7, 3, (_word(text, text, text),))


def _graph(text: str) -> Lineage:
    nodes = {cid: Node(cid, text, (text, text), text, f"/runs/{cid}") for cid in (SOME, OTHER)}
    return Lineage(nodes, {(SOME, OTHER): text}, 2)


def _pages(text: str) -> dict[str, str]:
    """Each page, with this text wherever strangers may write some."""
    run, drawing = _run(text), draw(_graph(text))
    tally = Tally({text: Work(1, 2, 3)})
    tally.executors[text] = 1
    names, queue = (Named(text, Thing(SOME, text)),), Waiting((Client(text, {text: 1}),))
    dataset = DatasetDetails(
        Thing(SOME, "dataset"), (text,), ((text, text),), (), 1, 1, (), (Thing(SOME, text),), drawing
    )
    return {
        "overview": render(
            "overview.html", facts=Facts(names, (run,), 1, 1, {text: 1}, queue), did=text, version=text
        ),
        "run": render("run.html", run=RunDetails(run, text, ((text, text),), tally, drawing)),
        "dataset": render("dataset.html", dataset=dataset),
        "error": render("error.html", error={"kind": text, "message": text, "next": text, "cid": None}),
    }


@pytest.mark.parametrize("name", ["overview", "run", "dataset", "error"])
def test_nothing_that_strangers_wrote_becomes_markup(name: str) -> None:
    evil, plain = _parsed(_pages(EVIL)[name]), _parsed(_pages("plain text of some length")[name])
    assert (evil.tags, evil.attributes, evil.links) == (plain.tags, plain.attributes, plain.links)
    assert evil.text.count("alert(1)") == plain.text.count("plain text") >= 3
    assert "style" not in evil.attributes
    assert all(link.startswith(("/runs/baf", "/datasets/baf")) or link == "/" for link in evil.links)


def test_the_policy_allows_the_style_and_the_script_that_are_there_and_no_more(provider: Running) -> None:
    answer = provider.get("/")
    policy = answer.headers["content-security-policy"]
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        assert f"{tag}-src 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_what_is_left_out_is_counted() -> None:
    facts = Facts((Named("a", Thing(SOME, "files")),), (), 1_234, 0, {})
    assert "and 1,233 more names" in _parsed(render("overview.html", facts=facts, **OURS)).text
    details = RunDetails(_run("x"), "did", (), None, draw(_graph("x")))
    text = _parsed(render("run.html", run=details)).text
    assert "and 7 more" in text
    assert "2 more runs or datasets are not drawn" in text


def test_the_overview_of_a_home(provider: Running) -> None:
    home = provider.home
    manifest = Manifest.make(home.store, [], [ShardRef(SOME, 1_500, 1 << 20, bytes(32))] * 2).save(home.store)
    home.names.give("numbers", manifest)
    home.names.give("again", manifest)
    home.names.give("gone", CID.make(0x71, b"not here"))
    home.names.give("broken", home.store.put(b"\xa1", 0x71))
    home.names.give("file", home.store.put(b"some file"))
    page = _parsed(provider.get("/").text)
    for fact in ("numbers", manifest[:-8], "3,000", "2.0 MiB", "not held here", "can't be read"):
        assert fact in page.text
    assert home.identity.did[-8:] in page.text
    assert re.search(r"datasets\s*1\s", page.text), "one dataset under two names is one"
    assert f"/datasets/{manifest}" in page.links
    assert provider.get("/").text == provider.get("/").text


def test_tasks_in_the_queue_of_a_provider_are_shown(tmp_path: Path) -> None:
    with serving(tmp_path) as provider:
        queue = Queue(tmp_path / DATABASE)
        queue.done_before("did:key:zAsker", SOME, {}, 1e12)
        text = " ".join(_parsed(provider.get("/").text).text.split())
        queue.close()
    assert "did:key:zAsker" in text
    assert "1 of 1 tasks ended 1 done" in text


def test_tasks_of_others_are_shown_with_their_progress() -> None:
    asked = {"did:key:b": {"done": 1, "queued": 0}, "did:key:a": {"done": 6, "running": 1, "queued": 3}}
    facts = Facts((), (), 0, 0, {}, Waiting.of(asked))
    assert [client.did for client in facts.queue.clients] == ["did:key:a", "did:key:b"]
    assert "queued" not in facts.queue.clients[1].states
    assert facts.queue.states == {"done": 7, "running": 1, "queued": 3}
    text = _parsed(render("overview.html", facts=facts, **OURS)).text
    assert "6 of 10 tasks ended" in text
    assert "1 running" in text


def test_the_page_of_a_run(made: Made) -> None:
    with serving(made.path) as provider:
        answer = provider.get(f"/runs/{made.run}")
    page = _parsed(answer.text)
    assert answer.status_code == 200
    for fact in (made.run, "text.normalize", '"unicode":"NFC"', "verified", "240 rows, 1 shard", "clean"):
        assert fact in page.text
    assert re.search(r"(\d+) of \1 tasks run again", " ".join(page.text.split()))
    assert {f"/datasets/{made.dataset}", f"/datasets/{made.output}", f"/runs/{made.import_run}"} <= page.links
    assert page.tags.count("svg") == 1


def test_the_page_of_a_dataset(made: Made) -> None:
    with serving(made.path) as provider:
        answer = provider.get(f"/datasets/{made.dataset}")
    page = _parsed(answer.text)
    for fact in ("Dataset rows", made.dataset, "240", "1 of 1", "large_string", "source", "Read by"):
        assert fact in page.text
    assert {f"/runs/{made.run}", f"/runs/{made.import_run}"} <= page.links


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/runs/x", 400, "InvalidCID"),
        (f"/runs/{OTHER}", 404, "not held here"),
        (f"/datasets/{OTHER}", 404, "is no dataset"),
        ("/datasets/%3Cscript%3E", 400, "InvalidCID"),
    ],
)
def test_what_is_not_there_is_said_to_people_too(
    provider: Running, path: str, status: int, says: str
) -> None:
    answer = provider.get(path)
    assert answer.status_code == status
    assert says in _parsed(answer.text).text
    assert answer.headers["content-type"].startswith("text/html")


def test_a_record_of_another_kind_is_no_run(provider: Running) -> None:
    manifest = Manifest.make(provider.home.store, [], []).save(provider.home.store)
    assert provider.get(f"/runs/{manifest}").status_code == 404


def test_pages_can_be_left_out(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", page=False)) as running:
        assert [running.get(path).status_code for path in ("/", f"/runs/{SOME}")] == [404, 404]


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
        assert [word.record.checked for word in facts.words] == [2, 2]
        page = _parsed(render("overview.html", facts=collector.collect(), **OURS))
        assert "2 of 6 tasks" in page.text
        assert collector.collect().runs[0] is facts
        home.names.give("named", run)
        assert collector.collect().runs[0].name == "named"


def test_a_run_that_is_not_held_is_counted_alone(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        home.ledger.add_run(CID.make(0x71, b"elsewhere"), [])
        facts = Collector(home).collect()
    assert (facts.runs, facts.all_runs) == ((), 1)
