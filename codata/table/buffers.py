"""Arrow buffers as numpy arrays and back: the one place where the two libraries meet."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ArrowArray: TypeAlias = Any
ArrowType: TypeAlias = Any
ArrowField: TypeAlias = Any
"""An array's class follows from its type, which is known at run time only: no static type can say more."""

Numbers: TypeAlias = "npt.NDArray[Any]"
Mask: TypeAlias = "npt.NDArray[np.bool_]"
Indices: TypeAlias = "npt.NDArray[np.int64]"

NO_BYTES: Final = pa.py_buffer(b"")


def numbers(buffer: Any, kind: Any) -> Numbers:
    """The bytes of `buffer`, not copied, as numbers of a numpy type; none for None."""
    found: Numbers = np.frombuffer(NO_BYTES if buffer is None else buffer, kind)  # type: ignore[arg-type]
    return found


def buffer_of(values: Any) -> pa.Buffer:
    """A buffer of exactly the bytes of a contiguous numpy array, not copied."""
    return pa.py_buffer(values)


def bits(buffer: Any, offset: int, length: int) -> Mask:
    """`length` bits from bit `offset`, least significant first."""
    first, last = offset // 8, (offset + length + 7) // 8
    unpacked = np.unpackbits(numbers(buffer, np.uint8)[first:last], bitorder="little")
    return unpacked[offset - first * 8 :][:length].view(np.bool_)


def bitmap(mask: Mask | None) -> pa.Buffer | None:
    """The bits of `mask`, least significant first, zeros after the last; None for None."""
    return None if mask is None else buffer_of(np.packbits(mask, bitorder="little"))


def offsets_of(array: ArrowArray) -> Indices:
    """The `len(array) + 1` offsets of a large list, string or binary array; an empty one may hold none."""
    found = numbers(array.buffers()[1], np.int64)[array.offset :][: len(array) + 1]
    return found if len(found) else np.zeros(1, np.int64)


def validity(array: ArrowArray) -> Mask | None:
    """Which slots hold a value; None if all do."""
    if array.null_count == 0 or pa.types.is_null(array.type):
        return None
    return bits(array.buffers()[0], array.offset, len(array))


def with_validity(array: ArrowArray, valid: Mask) -> ArrowArray:
    """`array`, of a type without children, holding a value where `valid` is set and null elsewhere."""
    slots = bitmap(np.concatenate([np.zeros(array.offset, np.bool_), valid]))
    return pa.Array.from_buffers(array.type, len(array), [slots, *array.buffers()[1:]], offset=array.offset)
