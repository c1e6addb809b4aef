"""DAG-JSON: the same values as DAG-CBOR, for people to read.

Source: the DAG-JSON specification of IPLD. Reading is in `json_reader`: a JSON library recurses, keeps the
last of two equal keys and takes white space.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from typing import Any, Final

from cid_store.cid import CID, DAG_JSON
from cid_store.codecs import depth, json_reader
from cid_store.errors import EncodeError

name: Final = "dag-json"
code: Final = DAG_JSON

_INT_MIN: Final = -(1 << 64)
_INT_MAX: Final = (1 << 64) - 1


def encode(value: Any) -> bytes:
    """Compact JSON with keys sorted by their bytes. Raises `EncodeError`."""
    depth.check_value(value)
    out: list[str] = []
    # What is still to be written, last first: text as it stands, or a value in a tuple. Depth costs no stack.
    pending: list[str | tuple[Any]] = [(value,)]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            out.append(item)
        elif type(item[0]) is dict:
            pending.extend(reversed(_map_parts(item[0])))
        elif type(item[0]) is list:
            pending.extend(reversed(_list_parts(item[0])))
        else:
            out.append(_scalar(item[0]))
    return "".join(out).encode()


def decode(data: bytes | memoryview) -> Any:
    """The value of `data`. Raises `DecodeError`, or `LimitExceeded` when it nests too deep."""
    return json_reader.read(data, None)


def links(data: bytes | memoryview) -> Iterator[CID]:
    """The links in `data`, in the order of its bytes, repeats included. Raises like `decode`."""
    found: list[CID] = []
    json_reader.read(data, found)
    return iter(found)


def _list_parts(items: list[Any]) -> list[str | tuple[Any]]:
    parts: list[str | tuple[Any]] = ["["]
    for i, item in enumerate(items):
        if i:
            parts.append(",")
        parts.append((item,))
    parts.append("]")
    return parts


def _map_parts(entries: dict[Any, Any]) -> list[str | tuple[Any]]:
    keys = sorted(((_utf8(key), key) for key in entries), key=lambda pair: pair[0])
    if keys and keys[0][1] == "/" and json_reader.is_reserved(entries["/"]):
        raise EncodeError('DAG-JSON can\'t express this map: its first key "/" would read as a link or bytes')
    parts: list[str | tuple[Any]] = ["{"]
    for i, (_, key) in enumerate(keys):
        parts.append(("," if i else "") + _string(key) + ":")
        parts.append((entries[key],))
    parts.append("}")
    return parts


def _utf8(key: object) -> bytes:
    if type(key) is not str:
        raise EncodeError(f"DAG-JSON keys are strings, not {type(key).__name__}")
    try:
        return key.encode()
    except UnicodeEncodeError:
        raise EncodeError(f"{key!r} is not valid Unicode") from None


def _string(text: str) -> str:
    _utf8(text)
    return json.dumps(text, ensure_ascii=False)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, CID):
        return f'{{"/":"{value}"}}'
    if type(value) is str:
        return _string(value)
    if type(value) is bytes:
        return f'{{"/":{{"bytes":"{base64.b64encode(value).decode().rstrip("=")}"}}}}'
    if type(value) is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise EncodeError(f"integer out of range: {value.bit_length()} bits; 64 and a sign are the limit")
        return str(value)
    if type(value) is float:
        return _float(value)
    raise EncodeError(f"DAG-JSON can't express {type(value).__name__}")


def _float(value: float) -> str:
    """The shortest digits that read back as `value`, with a point or an exponent so that it stays a float."""
    if not math.isfinite(value):
        raise EncodeError(f"DAG-JSON can't express {value}")
    digits, e, exponent = repr(value).partition("e")
    return f"{digits}e{int(exponent):+d}" if e else digits
