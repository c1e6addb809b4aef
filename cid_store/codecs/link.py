"""Binary CIDs inside nodes and CAR sections: `CID.from_bytes` with a short way for the usual ones."""

from __future__ import annotations

from typing import Final

from cid_store.cid import CID, CODEC_NAMES
from cid_store.errors import DecodeError, InvalidCID

PREFIXES: Final = {CID.sha256(code, bytes(32)).binary[:-32]: code for code in CODEC_NAMES}
"""What a sha2-256 CIDv1 of each known codec begins with, by codec: nearly every link is one of these."""


def read_link(data: bytes) -> CID:
    """The CID whose binary form is exactly `data`; raises `DecodeError`."""
    code = PREFIXES.get(data[:-32])
    if code is not None:
        return CID.sha256(code, data[-32:])
    try:
        return CID.from_bytes(data)
    except InvalidCID as e:
        raise DecodeError(f"a link is no CID: {e}") from None
