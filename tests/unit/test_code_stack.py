"""code.stack: bounds, comments of many languages, licences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from codata_jobs.comment_syntax import BY_LANGUAGE, BY_SUFFIX, SYNTAXES, tables
from codata_jobs.spdx import PATTERN, allows
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import MissingColumn, ParameterError
from codata.table import logical_hash
from tests.driving import Driver

pytest.importorskip("numba", reason="the extra `text` is not installed")

CODE = "// adds\nint add(int a, int b) { return a + b; }\n"
FREE: dict[str, Any] = {"max_line": None, "max_mean_line": None, "min_alphanumeric": None, "xml": "keep"}


def rows(files: Sequence[str | None], language: str = "C", **params: Any) -> pa.Table:
    table = pa.table(
        {
            "code": pa.array(files, pa.large_string()),
            "lang": pa.array([language] * len(files), pa.large_string()),
        }
    )
    return Driver().rows("code.stack", {"column": "code", "language": "lang", **params}, table)


def why(files: Sequence[str | None], language: str = "C", **params: Any) -> list[str | None]:
    found: list[str | None] = rows(files, language, annotate="why", **params)["why"].to_pylist()
    return found


def test_reasons() -> None:
    files = [
        CODE,
        None,
        CODE + "x" * 1001,
        ("y" * 101 + "\n") * 3,
        "// ab\n" + "{}();" * 10,
        '<?xml version="1.0"?>\n<a>words and words</a>',
        "int a;\n" * 30,
        "// only words here\n" * 3 + "a",
        "",
        " " * 90 + '<?xml version="1.0"?>\n// aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ]
    assert why(files) == [
        None,
        "null",
        "longest_line",
        "mean_line",
        "alphanumeric",
        "xml_header",
        "few_comments",
        "many_comments",
        None,
        None,
    ]
    assert rows(files).num_rows == 3


def test_bounds_are_kept_themselves() -> None:
    assert why(["x" * 1000 + "\n" + "\n" * 9], min_comments=None) == [None]
    assert why(["x" * 1000 + "\n" + "\n" * 8], min_comments=None) == ["mean_line"]
    assert why(["a---"], min_comments=None) == [None]
    assert why(["//a\n"], max_comments=0.75) == [None]
    assert why(["//a\n"], max_comments=0.74) == ["many_comments"]
    assert why(["//a\n"], max_comments=1.0, min_comments=0.76) == ["few_comments"]


def test_line_ends() -> None:
    """CR, CR LF and LF end a line; the last needs no end."""
    for text, lines in (("a\r\nbb\rc\n\nd", 5), ("", 0), ("\n", 1), ("a\r", 1), ("a\n\r", 2)):
        assert _measure(text)[2] == lines == len(text.splitlines())


@pytest.mark.parametrize(
    ("language", "text", "comments"),
    [
        ("C", "a /* b\n */ c // d\ne", ["/* b\n */", "// d"]),
        ("C", 'p("// no", \'"\'); // yes', ["// yes"]),
        ("C", 'p("\\"// no"); /* open', ["/* open"]),
        ("C", '"open // no\n// yes', ["// yes"]),
        ("Rust", "fn f<'a>(x: &'a str) {} // it's\n", ["// it's"]),
        ("JavaScript", "`a\n// no` // yes", ["// yes"]),
        ("Python", '"""doc\n"""\nx = """no # no"""  # yes', ['"""doc\n"""', "# yes"]),
        ("Python", "x = '# no'\n'''a'''", ["'''a'''"]),
        ("Shell", "echo '#' # yes", ["# yes"]),
        ("SQL", "select 1 -- a\n/* b */", ["-- a", "/* b */"]),
        ("Lua", "--[[ a\nb ]] c -- d", ["--[[ a\nb ]]", "-- d"]),
        ("Haskell", "x = 1 {- a -} -- b", ["{- a -}", "-- b"]),
        ("HTML", "<a> <!-- b\n--> c", ["<!-- b\n-->"]),
        ("TeX", "a % b\nc", ["% b"]),
        ("Common Lisp", "(a) ; b", ["; b"]),
        ("Matlab", "%{ a\n%}\nx % b", ["%{ a\n%}", "% b"]),
        ("CSS", "a { } // no\n/* b */", ["/* b */"]),
        ("C", "// ünï\n", ["// ünï"]),
    ],
)
def test_comments(language: str, text: str, comments: list[str]) -> None:
    assert _measure(text, BY_LANGUAGE[language.lower().replace(" ", "-")])[5] == sum(map(len, comments))


def test_languages_by_name_and_by_path() -> None:
    table = pa.table(
        {
            "code": pa.array(["# aaaaaaa\n"] * 4, pa.large_string()),
            "lang": pa.array(["PYTHON", None, "unheard of", "C"], pa.large_string()),
            "path": pa.array(["a.c", "b/c.Py", "x", "x.py"], pa.large_string()),
        }
    )
    wanted = {"language": "lang", "path": "path", **FREE, "annotate": "why"}
    made = Driver().rows("code.stack", {"column": "code", **wanted}, table)["why"].to_pylist()
    assert made == ["many_comments", "many_comments", None, "few_comments"]
    made = (
        Driver().rows("code.stack", {"column": "code", **FREE, "annotate": "why"}, table)["why"].to_pylist()
    )
    assert made == [None] * 4
    with pytest.raises(MissingColumn, match="'where'"):
        Driver().rows("code.stack", {"column": "code", "path": "where"}, table)
    with pytest.raises(ParameterError, match="'path' already"):
        Driver().rows("code.stack", {"column": "code", "license": "path"}, table)


@pytest.mark.parametrize(
    ("header", "stated"),
    [
        ("// SPDX-License-Identifier: MIT", "MIT"),
        (
            "/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */",
            "GPL-2.0-only WITH Linux-syscall-note",
        ),
        (
            "# SPDX-License-Identifier: (MIT OR Apache-2.0) AND BSD-3-Clause",
            "(MIT OR Apache-2.0) AND BSD-3-Clause",
        ),
        ("<!-- SPDX-License-Identifier:LicenseRef-x -->", "LicenseRef-x"),
        ("# SPDX-License-Identifier:", None),
        ("# License: MIT", None),
        ("# " + "x" * 4090 + "\n# SPDX-License-Identifier: MIT", None),
    ],
)
def test_stated_licences(header: str, stated: str | None) -> None:
    made = rows([header + "\nint a;\n"], "none", **FREE)
    assert made["license"].to_pylist() == [stated]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-2.0-only", False),
        ("GPL-2.0-only OR MIT", True),
        ("GPL-2.0-only AND MIT", False),
        ("MIT AND Apache-2.0 OR GPL-2.0-only", True),
        ("GPL-2.0-only AND (MIT OR Apache-2.0)", False),
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", True),
        ("MIT WITH Some-exception", True),
        ("LGPL-3.0-only WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Linux-syscall-note", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT AND", False),
        ("MIT MIT", False),
    ],
)
def test_permitted_licences(expression: str, allowed: bool) -> None:
    assert allows(expression, {"mit", "apache-2.0", "lgpl-3.0-only with llvm-exception"}) == allowed


def test_licences_as_a_rule() -> None:
    files = ["// SPDX-License-Identifier: MIT\n", "// SPDX-License-Identifier: GPL-3.0-only\n", "// none\n"]
    rest: dict[str, Any] = {**FREE, "max_comments": None, "licenses": ["mit"]}
    assert why(files, **rest) == [None, "license", None]
    assert why(files, **rest, unlicensed="drop") == [None, "license", "license"]


def test_the_kernel_has_room_for_every_syntax() -> None:
    markers, kinds = tables()
    assert len(markers) == len(kinds) == len(SYNTAXES)
    for i, syntax in enumerate(SYNTAXES):
        written = [bytes(m[1 : 1 + m[0]]).decode() for m in markers[i] if m[0]]
        assert written == [*syntax.line, *(x for pair in syntax.block for x in pair)]
    assert set(BY_SUFFIX.values()) <= set(BY_LANGUAGE.values())


def test_parts_do_not_show() -> None:
    files = [CODE, None, "", "x" * 2000, CODE * 2]
    whole, parts = rows(files), [rows(files[:2]), rows(files[2:])]
    assert logical_hash(pa.concat_tables(parts)) == logical_hash(whole)


def _measure(text: str, syntax: int = -1) -> list[int]:
    from codata_jobs.code_stack import _alphanumeric
    from codata_jobs.kernels.code import measure

    data = text.encode()
    buffer = np.frombuffer(data or b"\0", np.uint8)
    offsets = np.array([0, len(data)], np.int64)
    found: list[int] = measure(buffer, offsets, _alphanumeric(), np.array([syntax]), *tables())[0].tolist()
    return found


C = re.compile(
    r"""(//[^\r\n]*|/\*.*?(?:\*/|\Z))|"(?:\\.|\\\Z|[^"\\\r\n])*"?|'(?:\\.|\\\Z|[^'\\\r\n])*'?""", re.DOTALL
)
PIECES = [*"aé1_ /*\\\"'\n\r²", "//", "/*", "*/"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_as_read_by_a_pattern(text: str) -> None:
    chars, letters, count, inside, longest, comments = _measure(text, BY_LANGUAGE["c"])
    lines = [*re.split(r"\r\n|\r|\n", text)]
    lines = lines[:-1] if not lines[-1] else lines
    assert chars == len(text)
    assert letters == sum(c.isalnum() for c in text)
    assert (count, inside, longest) == (len(lines), sum(map(len, lines)), max(map(len, lines), default=0))
    assert comments == sum(len(found[1] or "") for found in C.finditer(text))


@settings(deadline=None)
@given(st.text("()AB ORND-:.", max_size=40))
def test_any_header_has_a_verdict(text: str) -> None:
    found = re.search(PATTERN, "SPDX-License-Identifier: " + text)
    assert allows(found[1] if found else text, {"a", "b"}) in (True, False)
