"""The shape of CBOR before it is decoded: bounded depth, and no list longer than its bytes.

The decoder allocates a list when it reads the list's length, before the items: nested lists that claim the
rest of the block would cost its size times its depth. Here nothing is allocated but a stack of counts.
"""

from __future__ import annotations

from typing import Final

from cid_store.codecs.depth import MAX_DEPTH
from cid_store.errors import DecodeError, LimitExceeded

_LIST: Final = 4
_MAP: Final = 5
_TAG: Final = 6

_NOT_CONTAINERS: Final = bytes(b for b in range(256) if b >> 5 not in (_LIST, _MAP))
_HARMLESS: Final = 1 << 22
"""List slots. With fewer than this even the worst input costs 32 MiB, and the scan can be spared."""


def _fixed_steps() -> bytes:
    """For each first byte the length of its item where that alone decides it; 0 where more must be read."""
    steps = bytearray(256)
    for head in range(256):
        major, info = head >> 5, head & 31
        if major in (0, 1, 7) and info <= 27:
            steps[head] = 1 + (0, 1, 2, 4, 8)[max(0, info - 23)]
        elif major in (2, 3) and info < 24:
            steps[head] = 1 + info
    return bytes(steps)


_STEPS: Final = _fixed_steps()


def check_shape(data: bytes | memoryview) -> None:
    """Raise `LimitExceeded` beyond `MAX_DEPTH` and `DecodeError` where lengths do not add up."""
    data = bytes(data)
    # Every byte that could begin a list or map, wherever it lies: a bound from above that needs no parsing.
    possible = len(data.translate(None, _NOT_CONTAINERS))
    if possible <= MAX_DEPTH and possible * len(data) <= _HARMLESS:
        return
    _scan(data)


def _scan(data: bytes) -> None:
    at, end, steps = 0, len(data), _STEPS
    left = 1  # items to come on this level
    outer: list[int] = []  # the same for each level around it
    while left:
        if at >= end:
            raise DecodeError("not DAG-CBOR: cut short")
        step = steps[data[at]]
        left -= 1
        if step:
            at += step
        else:
            major, count, at = _head(data, at)
            if major < _LIST:
                at += count
            elif major == _TAG:
                left += 1
            elif len(outer) >= MAX_DEPTH:
                raise LimitExceeded(f"DAG-CBOR nests deeper than {MAX_DEPTH} levels")
            else:
                outer.append(left)
                left = count * (2 if major == _MAP else 1)
        while not left and outer:
            left = outer.pop()
    if at != end:
        raise DecodeError(
            "not DAG-CBOR: " + ("cut short" if at > end else f"{end - at} bytes follow the value")
        )


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and the offset after both."""
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    if info > 27 or major == 7:
        raise DecodeError(f"not DAG-CBOR: byte 0x{data[at]:02x} at {at} begins no legal item")
    after = at + 1 + (1 << (info - 24))
    return major, int.from_bytes(data[at + 1 : after], "big"), after
