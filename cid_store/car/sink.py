"""Writing all of something: raw files and sockets may take less than they are given."""

from __future__ import annotations

from typing import BinaryIO


def write_all(file: BinaryIO, data: bytes | memoryview) -> int:
    """Write all of `data`; returns its length."""
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += file.write(view[done:])
    return done
