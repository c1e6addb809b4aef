"""What to run again for blocks that are gone: found from what is held, whoever claims what."""

from __future__ import annotations

from cid_store.cid import CID, RAW
from codata.execute.derive import Derivation, Maker, derive


def name(text: str) -> CID:
    return CID.make(RAW, text.encode())


def solve(wanted: str, held: str, makers: dict[str, tuple[str, str]]) -> tuple[list[list[str]], str]:
    """Letters stand for blocks; a maker is (inputs, outputs)."""
    known = {name(t): t for t in [*"abcdefghij", *makers]}
    tasks = {t: Maker(name(t), tuple(map(name, i)), tuple(map(name, o))) for t, (i, o) in makers.items()}
    found: Derivation = derive(
        map(name, wanted),
        lambda cids: [known[c] in held for c in cids],
        lambda cid: [Maker(m.task, m.inputs, (cid,)) for m in tasks.values() if cid in m.outputs],
    )
    return [sorted(known[m.task] for m in r) for r in found.rounds], "".join(
        sorted(known[c] for c in found.lost)
    )


def test_nothing_is_run_for_what_is_held() -> None:
    assert solve("ab", "ab", {"T": ("a", "b")}) == ([], "")


def test_a_chain_is_followed_from_what_is_held() -> None:
    assert solve("d", "a", {"T": ("a", "b"), "U": ("b", "c"), "V": ("c", "d")}) == ([["T"], ["U"], ["V"]], "")


def test_tasks_that_do_not_depend_on_each_other_share_a_round() -> None:
    assert solve("bd", "ac", {"T": ("a", "b"), "U": ("c", "d")}) == ([["T", "U"]], "")


def test_one_task_gives_two_outputs() -> None:
    assert solve("bc", "a", {"T": ("a", "bc")}) == ([["T"]], "")


def test_a_table_that_is_its_own_maker_is_lost_and_ends() -> None:
    assert solve("a", "", {"T": ("a", "a")}) == ([], "a")


def test_a_circle_is_left_by_the_way_out() -> None:
    makers = {"T": ("b", "a"), "U": ("a", "b"), "V": ("c", "b")}
    assert solve("a", "c", makers) == ([["V"], ["T"]], "")


def test_the_first_maker_is_taken_where_two_can() -> None:
    assert solve("b", "ac", {"T": ("a", "b"), "U": ("c", "b")}) == ([["T"]], "")


def test_what_nothing_leads_to_is_lost_and_the_rest_is_made() -> None:
    assert solve("be", "a", {"T": ("a", "b"), "U": ("d", "e")}) == ([["T"]], "e")
