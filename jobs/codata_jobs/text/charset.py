"""From a page's bytes to its text."""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_PRESCAN: Final = 1024
"""Bytes in which a page may declare its encoding (HTML standard, 13.2.3.2)."""

_DECLARED: Final = re.compile(
    rb"<meta[^>]{1,512}?charset\s{0,8}=\s{0,8}[\"']?\s{0,8}([\w.:-]{1,40})", re.IGNORECASE
)

_LATIN: Final = "cp1252"

_CODECS: Final = {
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"windows-{n}": f"cp{n}" for n in range(1250, 1259)},
    "iso-8859-9": "cp1254",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
}
"""Labels of the WHATWG Encoding standard that pages use, to the codec nearest to what it asks for."""


def decode(data: bytes) -> str:
    """The text of a page, by the first of these that holds; what a codec can't read is U+FFFD.

    A byte-order mark of UTF-8 or UTF-16; valid UTF-8; an encoding declared in a `meta` tag within the first
    1024 bytes; windows-1252. UTF-8 goes before what a page declares: text in another encoding is hardly ever
    valid UTF-8, and pages often declare what they are not.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    found = _DECLARED.search(data[:_PRESCAN])
    label = found[1].decode("ascii", "replace").lower() if found else ""
    return data.decode(_CODECS.get(label, _LATIN), "replace")
