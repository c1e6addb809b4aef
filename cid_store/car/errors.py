"""What can be wrong with a CAR."""

from __future__ import annotations

from cid_store.errors import DecodeError, LimitExceeded, UsageError


class BadCarHeader(DecodeError):
    """The file does not begin as a CAR of version 1 or 2."""

    default_next = "check that the file is a CAR; if it is, get it again"


class TruncatedCar(DecodeError):
    """The file ends inside a header or section."""

    default_next = "the transfer was cut off: get the file again"


class BadSection(DecodeError):
    """A section that is no CID and block."""


class ZeroLengthSection(BadSection):
    """A section of length zero: padding that the CAR format does not have."""

    default_next = (
        "get the file again; if it was padded on purpose, cut the zeros off its end, "
        "or in Python open it with zero_is_end=True"
    )


class BadIndex(DecodeError):
    """An index that does not follow its format."""

    default_next = "write the index anew"


class SectionTooLarge(LimitExceeded):
    """A section or header that claims more bytes than the limits allow."""


class NotSeekable(UsageError):
    """Random access, or a second pass, over a stream that can only be read once."""

    default_next = "save the stream to a file and open that"
