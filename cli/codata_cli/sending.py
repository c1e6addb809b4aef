"""Sending a root and all that belongs to it to another store."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from codata_cli.output import Output, size

if TYPE_CHECKING:
    from cid_store.cid import CID
    from cid_store.copy import CopyReport
    from codata.home import Home

_EVERY = 0.2  # seconds between two drawings


def send(home: Home, out: Output, root: CID, to: str) -> None:
    """Copy what the store at the URL `to` lacks, pin the root there if it keeps pins, and say what was
    sent.
    """
    from cid_store.copy import copy
    from cid_store.pins import Keeper
    from cid_store.stores import open_store
    from codata.closure import closure

    with open_store(to) as dest:
        line = Line(shown=sys.stderr.isatty() and not out.json)

        def draw(report: CopyReport) -> None:
            done = f"{report.blocks} blocks, {size(report.bytes)}"
            line.draw(f"sending: {done}, {report.skipped} there already")

        try:
            sent = copy(home.store, dest, closure(home.store, [root]), draw)
        finally:
            line.end()
        if isinstance(dest, Keeper):
            dest.pin(root)
        value = {"root": root, "blocks": sent.blocks, "bytes": sent.bytes, "skipped": sent.skipped, "to": to}
        there = f", {sent.skipped} were there" if sent.skipped else ""
        out.result(value, f"sent {root} to {dest}: {sent.blocks} blocks, {size(sent.bytes)}{there}")


class Line:
    """How far it is, on one line of a terminal."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._drawn = 0.0

    def draw(self, text: str) -> None:
        """Draw over the line, not too often."""
        if self._shown and time.monotonic() - self._drawn > _EVERY:
            self._drawn = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
