"""The edge to boto3: requests to one bucket, with bounded retries, every failure named.

Messages hold an error's code and never what the server or the library wrote: some repeat keys or signed URLs.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError

from cid_store.errors import StoreError
from cid_store.stores.s3.location import Location

IN_FLIGHT: Final = 32
"""Requests at once, at most."""

ATTEMPTS: Final = 5
"""At a request, and at a body that breaks off."""
_CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 30
"""Without a byte from the server, before a request is given up."""
_MISSING: Final = frozenset(
    {"NoSuchKey", "NoSuchUpload", "NotFound", "404"}
)  # the last two: HEAD has no body
_PIECE: Final = 1 << 20
_PAUSE: Final = 0.1  # seconds before the second attempt at a body, doubled each time, with jitter


class ObjectMissing(StoreError):
    """An object of the bucket that is not there (any more)."""


class BeyondEnd(StoreError):
    """A range that begins after an object's last byte."""


class Interrupted(StoreError):
    """A connection that was refused, stalled or broke off, and did so again."""

    default_next = "check the endpoint and the network, and try again: what was kept stays"


class Bucket:
    """One bucket, under one prefix: keys here begin after it. Thread-safe."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.requests = 0
        """Requests made so far, retries included."""
        self._counting = threading.Lock()
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=IN_FLIGHT,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},  # backs off with jitter
            # Many compatible servers know no trailing checksums; content is proven by its CID anyway.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if location.endpoint else None,
        )
        with self._named("can't be opened"):
            # A session of its own: boto3's shared one is not made for threads.
            self._client: Any = boto3.session.Session().client(
                "s3", endpoint_url=location.endpoint, region_name=location.region, config=config
            )
            self._client.meta.events.register("before-send.s3", self._count)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, operation: str, key: str | None, **parameters: Any) -> dict[str, Any]:
        """One S3 operation, by boto3's name for it. Raises `ObjectMissing`, `StoreError`."""
        if key is not None:
            parameters["Key"] = self.location.prefix + key
        with self._named(f"failed at {operation} of {key or 'the bucket'}"):
            answer: dict[str, Any] = getattr(self._client, operation)(
                Bucket=self.location.bucket, **parameters
            )
            return answer

    def get(self, key: str, start: int, size: int) -> bytes:
        """`size` bytes of an object from `start` on, fewer where it ends before.

        A body that breaks off is asked for again from there, `ATTEMPTS` times in all.
        """
        got = bytearray()
        for attempt in range(ATTEMPTS):
            wanted = f"bytes={start + len(got)}-{start + size - 1}"
            try:
                body = self.call("get_object", key, Range=wanted)["Body"]
            except BeyondEnd:
                return bytes(got)
            try:
                with self._named(f"failed while sending {key}"):
                    return bytes(_drain(body, got, size))
            except Interrupted:
                if attempt == ATTEMPTS - 1:
                    raise
            time.sleep(random.uniform(0.5, 1) * _PAUSE * 2**attempt)  # noqa: S311 - jitter, no secret
        raise AssertionError

    def put(self, key: str, data: bytes | memoryview) -> None:
        """Keep an object, whole or not at all."""
        self.call("put_object", key, Body=bytes(data))

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            return int(self.call("head_object", key)["ContentLength"])
        except ObjectMissing:
            return None

    def delete(self, key: str) -> None:
        """Forget an object; an absent one is ignored."""
        self.call("delete_object", key)

    def list(self, under: str) -> Iterator[str]:
        """The keys that begin with `under`."""
        token: dict[str, str] = {}
        prefix = self.location.prefix
        while True:
            page = self.call("list_objects_v2", None, Prefix=prefix + under, **token)
            for entry in page.get("Contents", ()):
                yield entry["Key"].removeprefix(prefix)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _count(self, **_: object) -> None:
        with self._counting:
            self.requests += 1

    def _named(self, what: str) -> _Named:
        return _Named(f"{self.location} {what}")


class _Named:
    """Turns what boto3 and urllib3 raise into this package's errors."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError):
            raise _refused(self._what, error) from None
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            raise StoreError(
                f"{self._what}: there are no credentials",
                next_step="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
            ) from None
        if isinstance(error, HTTPError | OSError | HTTPClientError | ReadTimeoutError | IncompleteReadError):
            raise Interrupted(f"{self._what}: {type(error).__name__}") from None
        if isinstance(error, BotoCoreError | ValueError):  # ValueError: how boto3 refuses an endpoint
            raise StoreError(
                f"{self._what}: {type(error).__name__}", next_step="check endpoint, region and profile"
            ) from None


def _refused(what: str, error: Any) -> StoreError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(error.response.get("Error", {}).get("Code", ""))[:64] or "no code"
    message = f"{what}: {code} (HTTP {status})"
    if code == "NoSuchBucket":
        return StoreError(message, next_step="create the bucket, or check its name")
    if code in _MISSING:
        return ObjectMissing(message, next_step="put the blocks again")
    if status == 416:
        return BeyondEnd(message)
    if status is not None and status < 500:
        return StoreError(message, next_step="check the credentials, and what they may do in this bucket")
    return StoreError(message, next_step="try again later")


def _drain(body: Any, got: bytearray, size: int) -> bytearray:
    """Read a body into `got`, at most up to `size` bytes: a server may send more than it was asked for."""
    with body:
        while len(got) < size and (piece := body.read(min(_PIECE, size - len(got)))):
            got += piece
    return got
