"""Logs: one JSON object a line on stderr."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Final

_SILENT: Final = (
    "ASGI callable returned without completing response."  # how an answer is broken off, on purpose
)


class JsonLines(logging.Formatter):
    """A record as JSON: when, how bad, what happened, and the fields given as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; JSON escapes every control character."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        value: dict[str, Any] = {
            "at": f"{stamp}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            value["traceback"] = self.formatException(record.exc_info)
        return json.dumps(value, default=str)


def set_up(level: int = logging.INFO) -> None:
    """Send the logs of this package and of its server to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: record.getMessage() != _SILENT)
    for name in ("codata.provider", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level if name == "codata.provider" else max(level, logging.WARNING))
        logger.propagate = False
