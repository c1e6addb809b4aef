"""Charts as text and as SVG: horizontal bars, which need no library.

An SVG has no script, no font of its own and no link; whatever a label holds is written as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from codata_jobs.stats_summary import Bar, Chart

BLOCK: Final = "█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"

_LABEL: Final = 44
"""Characters of a label that are shown."""

_ROW: Final = 18
_HEAD: Final = 46
_LEFT: Final = 300
_BARS: Final = 420
_WIDTH: Final = 820


def text(charts: Sequence[Chart], width: int = 40) -> str:
    """The charts for a terminal; the longest bar has `width` characters."""
    return "\n\n".join("\n".join(_lines(chart, width)) for chart in charts)


def _lines(chart: Chart, width: int) -> Iterator[str]:
    yield chart.title
    yield f"  {chart.note}"
    labels = max((len(_label(bar)) for bar in chart.bars), default=0)
    counts = max((len(f"{bar.count:,}") for bar in chart.bars), default=0)
    for bar in chart.bars:
        eighths = -(-bar.count * width * 8 // (chart.scale or 1))
        drawn = BLOCK * (eighths // 8) + _EIGHTHS[eighths % 8]
        yield f"  {_label(bar):<{labels}}  {bar.count:>{counts},}  {drawn}".rstrip()


def svg(charts: Sequence[Chart]) -> str:
    """The charts below each other, as one SVG 1.1 image."""
    body, top = [], 12
    for chart in charts:
        body += list(_drawn(chart, top))
        top += _HEAD + _ROW * len(chart.bars) + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *body, "</svg>"]) + "\n"


def _drawn(chart: Chart, top: int) -> Iterator[str]:
    yield _text(12, top + 12, chart.title, 'font-size="15" font-weight="bold" fill="#1a1a1a"')
    yield _text(12, top + 31, chart.note, 'fill="#555555"')
    for i, bar in enumerate(chart.bars):
        y = top + _HEAD + _ROW * i
        # Whole units: no rounding that could differ between machines.
        size = -(-bar.count * _BARS // (chart.scale or 1))
        yield _text(_LEFT - 8, y + 12, _label(bar), 'text-anchor="end" fill="#1a1a1a"')
        yield f'<rect x="{_LEFT}" y="{y + 2}" width="{size}" height="{_ROW - 4}" fill="#3867a8"/>'
        yield _text(_LEFT + size + 6, y + 12, f"{bar.count:,}", 'fill="#555555"')


def _text(x: int, y: int, written: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{escape(_plain(written))}</text>'


def _label(bar: Bar) -> str:
    plain = _plain(bar.label)
    return plain if len(plain) <= _LABEL else plain[: _LABEL - 1] + "…"


def _plain(written: str) -> str:
    """The text with what is no visible character escaped: terminals obey some, XML has no place for them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in written)
