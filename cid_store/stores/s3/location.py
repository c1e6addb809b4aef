"""Where a store lies: bucket, prefix, endpoint, region. Never credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cid_store.errors import UsageError

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_PREFIX: Final = re.compile(r"[A-Za-z0-9!_.*'()/-]{0,512}\Z")
_KNOWN: Final = ("endpoint", "region")
_FORM: Final = (
    "write s3://BUCKET/PREFIX?endpoint=URL&region=NAME; credentials come from the environment or a profile"
)


@dataclass(frozen=True, slots=True)
class Location:
    """A part of a bucket. `prefix` ends with `/` or is empty; None leaves endpoint and region to the
    usual settings.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if not self.bucket:
            raise UsageError("an s3 URL names a bucket, and this one has none", next_step=_FORM)
        if not _BUCKET.match(self.bucket):
            raise UsageError(
                "the bucket of this s3 URL can't be one: 3 to 63 lower-case letters, digits, '.' and '-'",
                next_step=_FORM,
            )
        if not _PREFIX.match(self.prefix):
            raise UsageError(
                "the prefix of this s3 URL can't be one: at most 512 letters, digits and !_.*'()/-",
                next_step=_FORM,
            )
        if self.prefix and not self.prefix.endswith("/"):
            object.__setattr__(self, "prefix", self.prefix + "/")
        if self.endpoint is not None:
            _check_endpoint(self.endpoint)

    def __str__(self) -> str:
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.prefix}{at}"

    @property
    def url(self) -> str:
        """The URL that names this place."""
        query = {k: v for k in _KNOWN if (v := getattr(self, k)) is not None}
        return f"s3://{self.bucket}/{self.prefix}" + (f"?{urlencode(query)}" if query else "")

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Parse a URL. Raises `UsageError`, which never repeats the URL: somebody may have put a secret
        in it.
        """
        try:
            parts = urlsplit(url)
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise UsageError("this s3 URL can't be read", next_step=_FORM) from None
        if "@" in parts.netloc or ":" in parts.netloc:
            raise UsageError("an s3 URL holds a bucket and no credentials", next_step=_FORM)
        unknown = [key for key, _ in query if key not in _KNOWN]
        if unknown or len(query) != len({key for key, _ in query}) or parts.fragment:
            named = ", ".join(repr(key[:40]) for key in unknown) or "a setting twice, or a fragment"
            raise UsageError(f"an s3 URL does not take {named}", next_step=_FORM)
        return cls(parts.netloc, unquote(parts.path).lstrip("/"), **dict(query))


def _check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise UsageError(
            "the endpoint of an s3 URL is http:// or https:// with a host, without credentials",
            next_step=_FORM,
        )
