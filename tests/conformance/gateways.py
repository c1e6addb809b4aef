"""Gateways with the suite's fixtures: a provider's, and Kubo's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.conformance import load, serving
from tests.conformance import report
from tests.conformance.published import FOLDER
from tests.fixtures import shared
from tests.kubo import kubo


@contextmanager
def codata_gateway(folder: Path) -> Iterator[str]:
    """The URL of `codata provider serve`."""
    load(folder, shared(FOLDER))
    with serving(folder) as url:
        yield url


@contextmanager
def kubo_gateway(folder: Path) -> Iterator[str]:
    """The URL of a Kubo daemon's gateway; skips the test where there is no Kubo."""
    with kubo(folder, gateway=True) as node:
        cars = sorted({str(shared(f"{FOLDER}/{case.fixture}.car")) for case in report.CASES})
        node.run("dag", "import", "--pin-roots=false", *cars)
        yield node.gateway
