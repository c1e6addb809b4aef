"""text.badwords and text.pii beside datatrove's own: every verdict, every text."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

pytest.importorskip("datatrove", reason="verdicts are compared where datatrove is installed")

from codata_jobs.text.badwords import matching
from codata_jobs.text.pii import PiiParams, without
from datatrove.data import Document
from datatrove.pipeline.filters.c4_filters import C4BadWordsFilter
from datatrove.pipeline.formatters.pii import PIIFormatter

from tests.oracle.texts import texts

WORDS = ["return", "does not", "c++", "e.g.", "unicode", "über", "ß", "0.5", "self.", "-1", "#", "no_where"]


def test_bad_words() -> None:
    theirs = C4BadWordsFilter()
    # The list that it would fetch; the pattern is the one that it builds of a list.
    words = [re.escape(word) for word in WORDS]
    theirs._badwords_regex["en"] = re.compile(r"(?:\W|^)({})(?:\W|$)".format("|".join(words)))
    values = texts()
    verdicts = [theirs.filter(Document(text=text, id="")) is True for text in values]
    assert (~matching(pl.Series(values), WORDS, apart=True)).tolist() == verdicts
    assert 0.1 < sum(verdicts) / len(verdicts) < 0.9


@pytest.mark.parametrize("public_only", [True, False])
def test_addresses(public_only: bool) -> None:
    theirs = PIIFormatter(only_remove_public_ips=public_only, email_replacement="E", ip_replacement="I")
    params: dict[str, Any] = {"email_replacements": ["E"], "ip_replacements": ["I"]}
    ours = PiiParams(column="text", public_ips_only=public_only, **params)
    values = [*texts(), *_addresses()]
    made = [without(text, ours) for text in values]
    assert made == [theirs.format(text) for text in values]
    assert sum(a != b for a, b in zip(made, values, strict=True)) > 100


def _addresses() -> list[str]:
    """What real texts have too few of."""
    ips = [f"{a}.{b}.{a % 7}.{b % 9}" for a in range(0, 300, 7) for b in (0, 1, 99, 168, 254, 256)]
    hosts = ["b.cd", "b", "b-.cd", "-b.cd", "b.c.d.", "[1.2.3.4]", "b..c", "é.com", "b.c@d.e"]
    names = ["a", "a.b", ".a", "a.", "a..b", "a+b-c", "é", "aé", "!#$", "\u0301a"]
    mails = [f"x {name}@{host}, y" for name in names for host in hosts]
    return [*(f"at {ip}: down" for ip in ips), *mails]
