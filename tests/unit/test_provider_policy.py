"""Who may have which tasks performed: settings and rules."""

from __future__ import annotations

from typing import Any

import pytest

from cid_store.cid import CID, RAW
from cid_store.stores.memory import MemoryStore
from codata.plan.rows import RowCall, RowsParams
from codata.plan.stage import Planner
from codata.provider.errors import BadSettings
from codata.provider.settings import Settings
from codata.provider.work.errors import NotAllowed, TooManyInputs
from codata.provider.work.examine import Budget, examine
from codata.provider.work.policy import Policy, names_of
from codata.provider.work.settings import Limits, Price, TaskSettings
from tests.asking import somebody

ME, FRIEND, OTHER = (somebody(n).did for n in (1, 2, 3))


def settings(table: dict[str, Any]) -> TaskSettings:
    """The settings of a table `[provider.tasks]`."""
    return Settings.load({"provider": {"tasks": table}}, {}).tasks


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    """A policy with this allow-list, under which one DID is trusted."""
    return Policy(settings({"allow": list(rules), **more} if rules else more), ME, lambda: [FRIEND])


def test_without_rules_its_own_did_and_those_it_trusts() -> None:
    rules = policy()
    assert rules.allow(ME, ["anything"]).rule == "the provider's own DID"
    assert rules.allow(FRIEND, ["anything"]).limits == Limits()
    with pytest.raises(NotAllowed, match="no rule lets") as refused:
        rules.admit(OTHER)
    assert refused.value.rule == "only the provider's own DID and those that it trusts"


def test_with_rules_trust_counts_no_more() -> None:
    rules = policy({"did": OTHER})
    assert rules.allow(OTHER, ["sort"]).rule == f"rule 1 ({OTHER})"
    assert rules.admit(ME)
    with pytest.raises(NotAllowed) as refused:
        rules.admit(FRIEND)
    assert refused.value.rule == "provider.tasks.allow (1 rules)"


def test_patterns_hold_for_operations_and_the_first_rule_that_fits_counts() -> None:
    rules = policy(
        {"did": "*", "steps": ["rows", "text.*"], "memory": 1000},
        {"did": OTHER, "steps": ["dedup.exact/*"], "memory": 2000},
    )
    assert rules.allow(FRIEND, ["rows", "text.normalize"]).limits.memory == 1000
    assert rules.allow(OTHER, ["dedup.exact/keys"]).limits.memory == 2000
    with pytest.raises(NotAllowed, match=r"rule 1 \(\*\) does not allow dedup.exact/keys") as refused:
        rules.allow(FRIEND, ["dedup.exact/keys"])
    assert refused.value.rule == "rule 1 (*)"
    with pytest.raises(NotAllowed):
        rules.allow(OTHER, ["rows", "dedup.exact/keys"])  # no one rule allows both


def test_patterns_tell_upper_from_lower_case() -> None:
    with pytest.raises(NotAllowed):
        policy({"did": "*", "steps": ["Text.*"]}).allow(OTHER, ["text.normalize"])


def test_the_steps_within_rows_are_named_too() -> None:
    calls = [RowCall(step=name, version=1, params={}) for name in ("filter", "select", "filter")]
    assert names_of("rows", RowsParams(steps=calls)) == ["rows", "filter", "select"]
    assert names_of("sort/cuts", object()) == ["sort/cuts"]


def test_limits_of_a_rule_stand_over_the_usual_ones() -> None:
    rules = policy({"did": "*", "tasks": 3}, limits={"tasks": 9, "quota": 77})
    assert (rules.admit(OTHER).limits.tasks, rules.admit(OTHER).limits.quota) == (3, 77)
    assert rules.admit(ME).limits.tasks == 9


@pytest.mark.parametrize(
    "table",
    [
        {"allow": [{"did": "somebody"}]},
        {"allow": [{"steps": ["*"]}]},
        {"allow": [{"did": "*", "code": ["bafy"]}]},
        {"allow": {"did": "*"}},
        {"allow": ["*"]},
        {"sources": ["nowhere"]},
        {"sources": ["http://data.example/"]},
        {"sandbox": "none"},
        {"price": {"cpu_second": 1}},
        {"price": {"cpu_second": "-1"}},
        {"price": {"gigabyte": "NaN"}},
        {"price": {"gigabyte": "cheap"}},
        {"limits": {"memory": 0}},
        {"limits": {"memroy": 1}},
        {"workers": 0},
    ],
)
def test_settings_that_can_not_be_meant_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(BadSettings):
        settings(table)


def test_inputs_count_as_often_as_they_are_named() -> None:
    store, rules, budget = MemoryStore(), policy({"did": OTHER}), Budget(5)
    part = CID.make(RAW, b"part")
    task = Planner(store).task("rows", 1, RowsParams(steps=[]), data=[part] * 3).save(store)
    assert examine(store, rules, OTHER, task, budget).needs == (part,)
    with pytest.raises(TooManyInputs, match="more than 2 inputs"):
        examine(store, rules, OTHER, task, budget)


def test_a_price_is_exact() -> None:
    price = Price(cpu_second="0.1", gigabyte="0.02")
    assert str(price.of(3_000_000, 500_000_000).normalize()) == "0.31"
    assert Price().of(10**12, 10**15) == 0
