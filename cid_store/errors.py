"""The errors of this package. Each kind carries its exit code and what to do next.

Exit codes: 1 failed, 2 wrong usage, 3 a claim is false, 4 bytes missing or corrupt, 5 not checkable here.
Errors of libraries underneath are mapped to these where they enter.
"""

from __future__ import annotations

from typing import ClassVar


class CidStoreError(Exception):
    """Root of every error raised on purpose by `cid_store` (and, above it, by `codata`).

    `kind` is the class's name, stable for programs; `cid` names the content concerned, where there is one;
    `next_step` tells a person what to do.
    """

    exit_code: ClassVar[int] = 1
    default_next: ClassVar[str] = ""

    def __init__(self, message: str, *, cid: str | None = None, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cid = cid
        self.next_step = self.default_next if next_step is None else next_step

    @property
    def kind(self) -> str:
        """The stable name of this kind of error."""
        return type(self).__name__

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling, and errors cross process borders.
        return _rebuild, (type(self), self.message, self.cid, self.next_step)


def _rebuild(cls: type[CidStoreError], message: str, cid: str | None, next_step: str) -> CidStoreError:
    return cls(message, cid=cid, next_step=next_step)


class UsageError(CidStoreError):
    """The request itself is wrong."""

    exit_code = 2


class InvalidCID(CidStoreError):
    """Text or bytes that are no CID."""

    exit_code = 2
    default_next = "check the CID for a typing or copying error"


class UnsupportedHash(CidStoreError):
    """A multihash whose function is not available here."""

    exit_code = 5
    default_next = "install the extra that brings this hash, or ask for the data under sha2-256"


class UnsupportedCodec(CidStoreError):
    """A codec that is not implemented here."""

    exit_code = 5


class DecodeError(CidStoreError):
    """Bytes that their codec's specification rejects."""

    exit_code = 4
    default_next = "the bytes do not follow their format; get them again from a source that wrote them right"


class EncodeError(CidStoreError):
    """A value that its codec's specification can't express."""


class BlockNotFound(CidStoreError):
    """The store does not hold this block."""

    exit_code = 4
    default_next = "pin it from a source that holds it, or import a CAR that contains it"


class CorruptBlock(CidStoreError):
    """Bytes whose hash is not the one that their CID states."""

    exit_code = 4
    default_next = "run `codata check` to repair the store, or get the block again"


class LimitExceeded(CidStoreError):
    """Input beyond a bound that protects memory or time."""

    exit_code = 4
    default_next = "the input claims more than the limits allow; if it is genuine, split it"


class StoreError(CidStoreError):
    """A backend failed: disk full, connection refused, permission denied."""
