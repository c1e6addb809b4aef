"""The page at `/`: the facts as plain HTML, without a script, a form or anything from elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from codata.home import Home
from codata.provider.facts import Collector, Facts, RunFacts, Word

_FRESH: Final = 5.0  # seconds that a page is sent again as it is: looking costs the same for one and for all
_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884 }
code { font-size: .85em; overflow-wrap: anywhere }
meter { width: 6rem }
"""


class Page:
    """What serves `/`."""

    def __init__(self, home: Home, version: str, did: str) -> None:
        self._collector = Collector(home)
        self._version = version
        self._did = did
        self._lock = threading.Lock()
        self._made = -_FRESH
        self._text = ""

    async def answer(self, request: Request) -> Response:
        """The page."""
        return HTMLResponse(await to_thread.run_sync(self._current), headers=_HEADERS)

    def _current(self) -> str:
        with self._lock:
            if time.monotonic() - self._made >= _FRESH:
                self._text = render(self._collector.collect(), self._version, self._did)
                self._made = time.monotonic()
            return self._text


def render(facts: Facts, version: str, did: str) -> str:
    """The page of these facts."""
    names = [(escape(n.name), _code(n.cid), escape(n.about)) for n in facts.names]
    runs = [_run_row(run) for run in facts.runs]
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>codata provider</title><style>{_STYLE}</style></head>
<body>
<h1>codata provider</h1>
<p>{_code(did)}<br>version {escape(version)}</p>
<p>Blocks and CARs by CID: <code>/ipfs/CID?format=raw</code>, <code>/ipfs/CID?format=car</code>.</p>
<h2>What it holds</h2>
{_table(("Name", "CID", "What it is"), names, facts.all_names)}
<h2>What was run</h2>
{_table(("Run", "Steps", "Outputs", "Verified"), runs, facts.all_runs)}
</body></html>
"""


def _run_row(run: RunFacts) -> tuple[str, ...]:
    outputs = "<br>".join(f"{escape(name)} {_code(cid)}" for name, cid in run.outputs.items())
    covered = (
        f'<meter min="0" max="{max(run.tasks, 1)}" value="{run.covered}"></meter> '
        f"{run.covered:,} of {run.tasks:,} tasks run again and found right"
    )
    return (
        _code(run.cid),
        escape(" → ".join(run.steps)),
        outputs,
        "<br>".join((covered, *map(_word, run.words))),
    )


def _word(word: Word) -> str:
    return f"{escape(word.verdict)}: {word.checked:,} by {_code(word.verifier)}"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _table(head: Iterable[str], rows: Sequence[tuple[str, ...]], total: int) -> str:
    """A table of cells that are HTML already, and how many rows there are that it does not show."""
    if not rows:
        return "<p>Nothing yet.</p>"
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    more = f"<p>and {total - len(rows):,} more</p>" if total > len(rows) else ""
    return f"<table><thead><tr>{first}</tr></thead>\n<tbody>\n{body}\n</tbody></table>{more}"
