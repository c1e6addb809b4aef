"""The pages in a real browser: nothing is refused by their own policy, a phone shows them without scrolling
sideways, and what changes is brought up to date."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cid_store.cid import CID, RAW
from codata.provider.page import serve
from codata.provider.page.overview import Collector, Facts, Named
from codata.provider.page.things import Thing
from tests.runs import Made, check, make_run
from tests.unit.gateway_serving import Running, serving

ROOT = Path(__file__).resolve().parents[2]


def _screenshots() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "scripts" / "screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Pages in frames without script, of a width that a window of the browser can't have.
FRAMES = """<!doctype html><meta charset="utf-8"><body><script>
for (const page of %s) {
  const frame = document.createElement("iframe");
  frame.width = %d;
  frame.sandbox = "allow-same-origin";
  frame.onload = () => {
    const root = frame.contentDocument.documentElement;
    const seen = document.createElement("pre");
    seen.textContent = root.scrollWidth + " " + frame.contentDocument.body.innerText;
    document.body.append(seen);
  };
  frame.srcdoc = page;
  document.body.append(frame);
}
</script>"""

browser = _screenshots()
pytestmark = pytest.mark.skipif(browser.program() is None, reason="Chromium is not at hand")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    found = make_run(tmp_path_factory.mktemp("page") / "home")
    with found.home() as home:
        home.names.give("a-name-of-some-length-that-nobody-would-shorten", found.dataset)
        check(home, found.run)
    return found


@pytest.fixture(scope="module")
def provider(made: Made) -> Iterator[Running]:
    with serving(made.path) as running:
        yield running


def _paths(made: Made) -> list[str]:
    return ["/", f"/runs/{made.run}", f"/datasets/{made.dataset}", "/runs/none"]


def test_nothing_is_refused_and_nothing_is_fetched_from_elsewhere(provider: Running, made: Made) -> None:
    for path in _paths(made):
        document, said = browser.browse(provider.url + path)
        assert "<h1>" in document
        assert "CONSOLE" not in said, said


@pytest.mark.parametrize("width", [360, 1200])
def test_without_script_a_page_shows_its_facts_and_is_no_wider_than_the_window(
    provider: Running, made: Made, tmp_path: Path, width: int
) -> None:
    pages = [provider.get(path).text for path in _paths(made)]
    frame = tmp_path / "frame.html"
    frame.write_text(FRAMES % (json.dumps(pages).replace("<", r"\u003c"), width), encoding="utf-8")
    document, _ = browser.browse(frame.as_uri(), wait=2000)
    seen = re.findall(r"<pre>(\d+) (.*?)</pre>", document, re.DOTALL)
    assert [int(found) for found, _ in seen] == [width] * len(pages)
    shown = "".join(text for _, text in seen)
    for fact in ("a-name-of-some-length", "text.normalize", "verified", made.output[-8:], "InvalidCID"):
        assert fact in shown


def test_what_changes_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def facts(_: Collector) -> Facts:
        asked.append(len(asked))
        thing = Thing(CID.make(RAW, b""), "files")
        return Facts((Named(f"look-{len(asked)}", thing),), (), 1, 0, {})

    monkeypatch.setattr(serve, "_FRESH", 0)
    monkeypatch.setattr(Collector, "collect", facts)
    with serving(tmp_path) as running:
        document, _ = browser.browse(running.url, wait=12_000)
    assert len(asked) >= 2
    assert f"look-{len(asked)}" in document
    assert "look-1<" not in document


def test_pictures_are_taken(provider: Running, tmp_path: Path) -> None:
    light, dark = tmp_path / "light.png", tmp_path / "dark.png"
    browser.picture(provider.url, light, (500, 400))
    browser.picture(provider.url, dark, (500, 400), browser.DARK)
    assert light.read_bytes()[:8] == dark.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert light.read_bytes() != dark.read_bytes()
