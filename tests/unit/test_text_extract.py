"""text.extract: what stays of a page, how bytes are read, and pages that are made to cost."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import NotCheckable, ParameterError
from tests.driving import Driver

pytest.importorskip("numba", reason="the extra `text` is not installed")
pytest.importorskip("resiliparse", reason="the extra `text` is not installed")

PAGE = """<html><head><title>T</title><style>p {}</style></head><body>
<nav><a href="/">Home</a> <a href="/x">Other</a></nav>
<article><h1>A title</h1><p>One &amp; <b>two</b>
lines.</p><ul><li>first<li>second</ul><img alt="a cat" src="c.png"><script>let a = 1</script>
<p>See <a href="https://example.org/">there</a>.</p></article></body></html>"""


def texts(pages: list[Any], kind: pa.DataType | None = None, **params: Any) -> list[Any]:
    table = pa.table({"page": pa.array(pages, kind or pa.large_string())})
    return Driver().rows("text.extract", {"column": "page", **params}, table)["page"].to_pylist()


def test_main_content() -> None:
    (text,) = texts([PAGE])
    assert text == "A title\n\nOne & two lines.\n\nSee there."
    (whole,) = texts([PAGE], main_content=False)
    assert "Home" in whole and "\n\nOne & two lines.\n\n  • first\n  • second\n\nSee there." in whole


def test_parameters() -> None:
    (text,) = texts([PAGE], main_content=False, layout=False, bullets=False, alt_texts=True, links=True)
    assert text.startswith("Home (/) Other (/x) A title")
    assert "a cat" in text and "there (https://example.org/)" in text and "\n" not in text
    assert "let a" not in text


def test_a_new_column() -> None:
    table = pa.table({"page": pa.array([b"<p>x", None], pa.large_binary()), "n": [1, 2]})
    made = Driver().rows("text.extract", {"column": "page", "output": "text"}, table)
    assert made.column_names == ["page", "n", "text"]
    assert made["text"].to_pylist() == ["x", None]
    with pytest.raises(ParameterError, match="'n' already"):
        Driver().rows("text.extract", {"column": "page", "output": "n"}, table)
    with pytest.raises(ParameterError, match="neither text nor bytes"):
        Driver().rows("text.extract", {"column": "n"}, table)


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("<p>é".encode(), "é"),
        (b"\xef\xbb\xbf<p>\xc3\xa9", "é"),
        ("\ufeff<p>é".encode("utf-16-le"), "é"),
        ("\ufeff<p>é".encode("utf-16-be"), "é"),
        (b"<p>\xe9 \x93q\x94", "é “q”"),
        (b'<meta charset="koi8-r"><p>\xd7', "в"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"><p>\x82\xa0', "あ"),
        (b'<meta charset="koi8-r"><p>\xc3\xa9', "é"),  # UTF-8, whatever it declares
        (b'<meta charset="none-such"><p>\xe9', "é"),
        (b" " * 1024 + b'<meta charset="koi8-r"><p>\xd7', "\xd7"),  # declared too late
        (b'<meta charset="gbk"><p>\xff\xff', "��"),
    ],
)
def test_charsets(page: bytes, wanted: str) -> None:
    assert texts([page], pa.large_binary(), main_content=False) == [wanted]


def test_too_large_is_null() -> None:
    assert texts(["<p>" + "x" * 7, "<p>" + "x" * 8, None], max_bytes=10) == ["x" * 7, None, None]
    assert texts(["<p>" + "é" * 4], max_bytes=10) == [None]


@pytest.mark.parametrize(
    "page",
    [
        "<p " + " ".join(f"a{i}" for i in range(1025)) + ">x",
        "<p " + "/".join(f'a{i}=">"' for i in range(1025)) + ">x",
        "".join(f"<p><b id={i}>" for i in range(800)) + "x",
        "".join(f"<p><font color='>{i}'>" for i in range(800)) + "x",
        "<b>" * 100 + "<div>" * 1_000 + "</b>" * 70_000,
        "<x" * 100_000,
        "<b " * 100_000,
        "<div>" * 9_000 + "x",
    ],
    ids=["attributes", "quoted", "formatting", "hidden", "ends", "overlapping", "unclosed", "deep"],
)
def test_pages_that_would_cost_too_much_are_null(page: str) -> None:
    assert texts([page, "<p>ok"]) == [None, "ok"]


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("<p " + " ".join(f"a{i}" for i in range(1024)) + ">x", "x"),
        ("<p><b id=1>x</b>" * 5_000, "x"),
        ("<div>" * 500 + "x", "x"),
        ("<p>x</p>" * 9_000, "x"),
        ("<" * 5_000, "<"),
    ],
)
def test_pages_that_are_only_large_are_read(page: str, wanted: str) -> None:
    (text,) = texts([page])
    assert text.startswith(wanted)


PIECES = [*"<>/='\" \n&;!-abpx\x00é", "<p>", "</p>", "<b id=1>", "<!--", "-->", "<script>", "&amp", "<table>"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), max_size=4))
def test_any_page_has_a_text_of_its_own(pages: list[str]) -> None:
    """Neighbours do not matter, and nothing that a page may hold fails the task."""
    assert texts(pages) == [texts([page])[0] for page in pages]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_no_element_escapes_the_count(page: str) -> None:
    from codata_jobs.text.extract import _tags
    from resiliparse.parse.html import HTMLTree

    document = HTMLTree.parse(page).document
    assert document is not None
    named = list(document.query_selector_all("p, b, script, table"))
    (count,) = _tags([page])
    assert len(named) <= count * (1 + 3 * page.count("<b"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resiliparse.parse.html", None)
    with pytest.raises(NotCheckable, match="resiliparse") as caught:
        texts(["<p>x"])
    assert "codata-pipeline[text]" in caught.value.next_step
