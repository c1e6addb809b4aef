"""Facts as HTML: Jinja2 templates that escape everything, one style sheet and a few lines of script inside.

Nothing comes from elsewhere, and the policy names the style and the script by their hashes: whatever else
would get into a page does not run.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from codata.provider.page.things import size_text

_TEMPLATES: Final = files(__package__) / "templates"


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


_STYLE: Final = _text("style.css")
_SCRIPT: Final = _text("refresh.js")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(_STYLE)}",
        f"script-src {_hash(_SCRIPT)}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of every page."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Our own files, of which the policy has the hashes: escaped, they would be others.
    environment.globals |= {"style": Markup(_STYLE), "script": Markup(_SCRIPT)}  # noqa: S704
    environment.filters |= {"count": lambda number: f"{number:,}", "size": size_text}
    return environment


def render(template: str, **values: Any) -> str:
    """The page of a template; everything among the values is text."""
    return _environment().get_template(template).render(values)
