"""text.pii: what is an address, and what takes its place."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pyarrow as pa
import pytest
from codata_jobs.text.addresses import addresses, emails
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from codata.errors import ParameterError
from codata.table import logical_hash
from tests.driving import Driver


def texts(values: list[str | None], **params: Any) -> list[str | None]:
    table = pa.table({"text": pa.array(values, pa.large_string())})
    found: list[str | None] = (
        Driver().rows("text.pii", {"column": "text", **params}, table)["text"].to_pylist()
    )
    return found


ONE: dict[str, Any] = {"email_replacements": ["E"], "ip_replacements": ["I"]}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("write to ann.b+c@mail.example.org.", "write to E."),
        ("<a@b.cd>, e@f.gh;", "<E>, E;"),
        ("a@b", "a@b"),
        ("a@[8.8.8.8]", "E"),
        ("a..b@c.de", "a..E"),
        (".a@c.de x", ".E x"),
        ("a@c.de-", "E-"),
        ("@c.de a.@c.de", "@c.de a.@c.de"),
        ("éa@c.de", "éa@c.de"),
        ("at 8.8.8.8:53 and 10.0.0.1", "at I:53 and 10.0.0.1"),
        (
            "192.168.1.1 172.31.9.9 172.32.9.9 100.64.0.1 127.0.0.1",
            "192.168.1.1 172.31.9.9 I 100.64.0.1 127.0.0.1",
        ),
        ("1.2.3.4.5 1.2.3.256", "I.5 I6"),
        ("08.8.8.8 8.8.08.8", "08.8.8.8 8.8.08.8"),
        ("1.2.3", "1.2.3"),
        ("", ""),
    ],
)
def test_addresses(text: str, wanted: str) -> None:
    assert texts([text, None], **ONE) == [wanted, None]


def test_parameters() -> None:
    text = "a@b.cd 8.8.8.8 10.0.0.1"
    assert texts([text], **ONE, emails=False) == ["a@b.cd I 10.0.0.1"]
    assert texts([text], **ONE, ips=False) == ["E 8.8.8.8 10.0.0.1"]
    assert texts([text], **ONE, public_ips_only=False) == ["E I I"]
    assert texts([text], emails=False, ips=False) == [text]
    with pytest.raises(ParameterError, match="email_replacements"):
        texts([text], email_replacements=[])


def test_golden_replacements() -> None:
    """By the address alone: the same everywhere, at any place, in any order."""
    values: list[str | None] = ["x@b.cd, c@d.ef, 8.8.8.8, 9.9.9.9, x@b.cd", "9.9.9.9 8.8.8.8", None, "c@d.ef"]
    assert texts(values) == [
        "email@example.com, firstname.lastname@example.org, 192.0.2.10, 192.0.2.77, email@example.com",
        "192.0.2.77 192.0.2.10",
        None,
        "firstname.lastname@example.org",
    ]


def test_parts_do_not_show() -> None:
    values = [f"m{i}@example.net 9.{i}.1.2" for i in range(20)]
    table = pa.table({"text": pa.array(values, pa.large_string()), "n": range(20)})
    whole = Driver().rows("text.pii", {"column": "text"}, table)
    parts = [Driver().rows("text.pii", {"column": "text"}, table.slice(a, n)) for a, n in ((0, 3), (3, 17))]
    assert logical_hash(pa.concat_tables(parts)) == logical_hash(whole)


BYTE = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL = re.compile(
    rf"\b{ATOM}(?:\.{ATOM})*@(?:(?:{LABEL}\.)+{LABEL}|\[(?:{BYTE}\.){{3}}(?:{BYTE}|[A-Za-z0-9-]*[A-Za-z0-9]:)])"
)
PIECES = [*'aB1.@-_+!"é \n[]:²', "\u0301", "a@b.c", "8.8.8.", "..", "1.1.1.1]"]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("!a@b.c!d@e.f")
@example("a@b.c@d.e")
@example("a@b-.c.d x@1.1.1.1]")
def test_emails_as_the_pattern_finds_them(text: str) -> None:
    assert list(emails(text)) == [found.span() for found in EMAIL.finditer(text)]


@settings(max_examples=300, deadline=None)
@given(st.ip_addresses(v=4))
def test_public_addresses_as_python_knows_them(address: ipaddress.IPv4Address) -> None:
    assume(address not in ipaddress.ip_network("192.0.0.0/24"))  # where Python's releases differ
    assert bool(list(addresses(str(address), public_only=True))) == address.is_global


def test_the_range_where_pythons_releases_differ() -> None:
    """As IANA's registry has it."""
    public = [n for n in range(256) if list(addresses(f"192.0.0.{n}", public_only=True))]
    assert public == [9, 10]


def test_texts_that_are_slow_for_the_pattern() -> None:
    """Each of these would keep the regular expression busy for minutes: the test's time limit speaks."""
    for text in (
        "a-" * 500_000,
        "a-" * 250_000 + "@" + "b-" * 250_000,
        "a." * 500_000 + "@",
        "@" * 1_000_000,
    ):
        assert list(emails(text)) == []
    assert len(list(emails("a@b.c " * 100_000))) == 100_000
