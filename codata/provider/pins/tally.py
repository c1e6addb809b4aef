"""What is counted of pins, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

from prometheus_client import CollectorRegistry, Gauge

from cid_store.pinning import Status
from codata.provider.pins.table import Totals


def tally(registry: CollectorRegistry, totals: Callable[[], Totals]) -> None:
    """Have `totals` asked for whenever the registry is read. Labels are states alone: no account is named."""
    pins = Gauge(
        "codata_provider_pins", "Requests of the pinning service, by state.", ["state"], registry=registry
    )
    for state in get_args(Status):
        pins.labels(state).set_function(partial(_count, totals, state))
    size = Gauge(
        "codata_provider_pins_bytes",
        "Bytes that pins count for, those of removed ones until garbage is collected.",
        registry=registry,
    )
    size.set_function(lambda: totals().bytes)


def _count(totals: Callable[[], Totals], state: str) -> int:
    return totals().states.get(state, 0)
