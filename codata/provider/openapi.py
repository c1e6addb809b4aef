"""The OpenAPI document at `/openapi.json`: every endpoint of a provider, as `openapi.yaml` has it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

import yaml
from starlette.requests import Request
from starlette.responses import Response

_HEADERS: Final = {"cache-control": "no-cache", "access-control-allow-origin": "*"}


def document(version: str) -> dict[str, Any]:
    """The document, of this version of the package."""
    text = files("codata.provider").joinpath("openapi.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    found["info"]["version"] = version
    return found


class Document:
    """What serves `/openapi.json`."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._text: str | None = None

    async def answer(self, request: Request) -> Response:
        """The document."""
        if self._text is None:
            self._text = json.dumps(document(self._version))
        return Response(self._text, headers=_HEADERS, media_type="application/json")
