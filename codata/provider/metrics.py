"""What is counted, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class Metrics:
    """Counters of one application. Labels have few values: nothing that a client chooses becomes one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "codata_provider_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.bytes = Counter(
            "codata_provider_sent_bytes", "Bytes of bodies sent.", ["route"], registry=self.registry
        )
        self.seconds = Histogram(
            "codata_provider_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.broken = Counter(
            "codata_provider_broken_answers", "Answers broken off.", ["route"], registry=self.registry
        )
        self.active = Gauge(
            "codata_provider_active_requests", "Requests being answered.", registry=self.registry
        )

    async def answer(self, request: Request) -> Response:
        """`/metrics`."""
        return Response(generate_latest(self.registry), headers={"content-type": _CONTENT_TYPE})
