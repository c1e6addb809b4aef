"""The public suite's cases against a provider, and against Kubo, whose makers run the suite itself.

A case that Kubo fails would be one that was read wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from cid_store.block import Block
from cid_store.cid import CID
from codata.provider.car_stream import car_pieces
from tests.conformance import report
from tests.conformance.case import Answer, Case, at, below, car
from tests.conformance.gateways import codata_gateway, kubo_gateway
from tests.conformance.published import Published, published
from tests.conformance.requirements import REQUIREMENTS

Gateway = Callable[[Case], httpx.Response]


@pytest.fixture(scope="module", params=[codata_gateway, kubo_gateway], ids=["codata", "kubo"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Asks for a case. As in the suite, nothing is sent that a case does not name."""
    with ExitStack() as stack:
        url = stack.enter_context(request.param(tmp_path_factory.mktemp("gateway")))
        client = stack.enter_context(httpx.Client(base_url=url, timeout=60))
        for header in ("accept", "accept-encoding"):
            del client.headers[header]
        yield lambda case: client.get(
            case.url(published(case.fixture)), headers={"user-agent": "suite", **dict(case.headers)}
        )


@pytest.mark.parametrize("case", report.CASES, ids=lambda case: f"{case.group}/{case.name}")
def test_the_suite(gateway: Gateway, case: Case) -> None:
    misfits = _misfits(case, gateway(case))
    assert [] in misfits, misfits


def _misfits(case: Case, response: httpx.Response) -> list[list[str]]:
    return [_misfit(answer, response, published(case.fixture)) for answer in case.answers]


def _misfit(answer: Answer, response: httpx.Response, fixture: Published) -> list[str]:
    """What of an answer is otherwise; its body is read where the rest is right."""
    wrong = [] if response.status_code == answer.status else [f"status {response.status_code}"]
    for name, rule in answer.headers:
        given = response.headers.get_list(name)
        if len(given) != 1 or not rule(given[0]):
            wrong.append(f"{name}: {given}")
    if not wrong and answer.body is not None and (said := answer.body(fixture, response.content)):
        wrong.append(said)
    return wrong


@pytest.mark.parametrize("case", report.CASES, ids=lambda case: f"{case.group}/{case.name}")
def test_no_case_takes_what_is_wrong(case: Case) -> None:
    empty = _car(published(case.fixture), [])
    for wrong in (httpx.Response(500, content=b"{}"), httpx.Response(200, content=empty)):
        assert [] not in _misfits(case, wrong)


def test_order_and_repetition_count() -> None:
    fixture = published("trustless_gateway_car/subdir-with-two-single-block-files")
    whole, check = [*fixture.blocks], car(at(), at("subdir"), below("subdir"))
    assert check(fixture, _car(fixture, whole)) == ""
    for wrong in (whole[::-1], whole[:-1], [*whole, whole[0]]):
        assert check(fixture, _car(fixture, wrong)).startswith("blocks ")


def _car(fixture: Published, cids: Sequence[CID]) -> bytes:
    """A CAR of these blocks in this order."""
    return b"".join(car_pieces(fixture.root, [Block(cid, fixture.blocks[cid]) for cid in cids], repeat=True))


def test_the_page_says_what_is_tested() -> None:
    assert report.written() == report.tables(), "python -m tests.conformance.report writes them anew"


def test_each_demand_names_tests_that_there_are() -> None:
    tests = Path(__file__).parents[1]
    for requirement in REQUIREMENTS:
        assert requirement.tests
        for test in requirement.tests:
            module, _, function = test.partition("::")
            assert f"def {function}(" in (tests / module).read_text(encoding="utf-8"), test


def test_the_fixtures_are_what_the_cases_say() -> None:
    """The parts that cases name, against the counts and CIDs that the suite's own text states."""
    mixed: Published = published("trustless_gateway_car/subdir-with-mixed-block-files")
    chunks = mixed.below("subdir", "multiblock.txt")
    assert [len(mixed.blocks[cid]) for cid in chunks] == [256, 256, 256, 256, 2]
    hamt = published("trustless_gateway_car/single-layer-hamt-with-multi-block-files")
    assert len(hamt.shards()) == 236
    assert len(hamt.way("1.txt")) == len(hamt.way("685.txt")) == 1
    assert hamt.at("1.txt") == mixed.at("subdir", "multiblock.txt")
