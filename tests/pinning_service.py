"""A small pinning service for tests. Every request and answer is held against the published OpenAPI file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import yaml

from tests.fixtures import shared
from tests.listening import SilentHandler, listening

TOKEN = "s3cret-t0ken"


class Specification:
    """The published API: checks values against its schemas."""

    def __init__(self) -> None:
        text = shared("pinning-services-api-spec/ipfs-pinning-service.yaml").read_text(encoding="utf-8")
        self.document = yaml.safe_load(text)

    def check(self, name: str, value: object) -> None:
        """Raise `ValidationError` unless `value` is a `name`."""
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.document["components"]}
        jsonschema.validate(value, schema)

    def check_query(self, query: dict[str, list[str]]) -> None:
        """Raise unless every parameter of a listing is one that the API has, of its form."""
        for name, (value,) in query.items():
            parameter = self.document["components"]["parameters"][name]
            schema = {**parameter.get("schema", {}), "components": self.document["components"]}
            kind = schema.get("type")
            read: object = value.split(",") if kind == "array" else int(value) if kind == "integer" else value
            jsonschema.validate(read, schema)


@dataclass
class Service:
    """What the service holds, and what it is told to do wrong."""

    specification: Specification
    url: str = ""
    pins: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None
    """Said to every request instead of the truth."""

    def new(self, pin: dict[str, Any], request: str | None = None) -> dict[str, Any]:
        """Accept a pin."""
        number = len(self.requests)
        status = {
            "requestid": request or f"request {number}/é",
            "status": "queued",
            "created": f"2026-01-01T00:00:00.{number:06d}Z",
            "pin": pin,
            "delegates": ["/ip4/203.0.113.1/tcp/4001/p2p/QmServicePeerId"],
            "info": {"status_details": "Queue position: 7 of 9"},
        }
        self.specification.check("PinStatus", status)
        self.pins[status["requestid"]] = status
        return status

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of pins, newest first."""
        self.specification.check_query(query)
        one = {name: values[0] for name, values in query.items()}
        wanted = one.get("status", "pinned").split(",")
        found = [p for p in self.pins.values() if p["status"] in wanted]
        if "cid" in one:
            found = [p for p in found if p["pin"]["cid"] in one["cid"].split(",")]
        if "before" in one:
            found = [p for p in found if p["created"] < one["before"]]
        found.sort(key=lambda p: p["created"], reverse=True)
        page = {"count": len(found), "results": found[: min(int(one.get("limit", 10)), 4)]}
        self.specification.check("PinResults", page)
        return page


@contextmanager
def serving() -> Iterator[Service]:
    """A service on loopback."""
    service = Service(Specification())

    class Handler(_Handler):
        state = service

    with listening(Handler) as address:
        service.url = f"pinning+http://{address}/api/v1"
        yield service
    assert service.faults == []


class _Handler(SilentHandler):
    state: Service

    def _handle(self) -> None:
        try:
            code, value = self._route()
        except Exception as fault:  # noqa: BLE001 - the test reads it
            self.state.faults.append(fault)
            code, value = 500, _failure("INTERNAL_SERVER_ERROR", str(fault))
        body = b"" if value is None else json.dumps(value).encode()
        if self.state.answer is not None:
            code, body = self.state.answer
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _handle

    def _route(self) -> tuple[int, dict[str, Any] | None]:
        state, parts = self.state, urlsplit(self.path)
        state.requests.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, _failure("UNAUTHORIZED", "Access token is missing or invalid")
        assert parts.path.startswith("/api/v1/pins")
        request = unquote(parts.path.removeprefix("/api/v1/pins").removeprefix("/"))
        pin = json.loads(body) if body else None
        if pin is not None:
            state.specification.check("Pin", pin)
        if not request:
            return (
                (202, state.new(pin)) if self.command == "POST" else (200, state.page(parse_qs(parts.query)))
            )
        if request not in state.pins:
            return 404, _failure("NOT_FOUND", "The specified resource was not found")
        return self._one(request, pin)

    def _one(self, request: str, pin: dict[str, Any] | None) -> tuple[int, dict[str, Any] | None]:
        if self.command == "DELETE":
            del self.state.pins[request]
            return 202, None
        if self.command == "POST":
            assert pin is not None
            return 202, self.state.new(pin, request)
        return 200, self.state.pins[request]


def _failure(reason: str, details: str) -> dict[str, Any]:
    return {"error": {"reason": reason, "details": details}}
