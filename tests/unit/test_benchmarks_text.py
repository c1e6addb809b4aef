"""What text steps are measured beside: the peers, how agreement is counted, and one step from end to end."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import dolma_peer, juicer_peer, pairs, text, text_peers
from scripts import peers as installed

ROOT = Path(benchmarks.__file__).parent.parent

# A Python of a peer's environment: it knows a version, and keeps every document but the first of each file.
STAND_IN = """#!{python}
import sys
from pathlib import Path
if sys.argv[2] == "-c":
    print("9.9")
else:
    script, step, source, out, workers = sys.argv[2:]
    kept = Path(out, "kept", "deeper")
    kept.mkdir(parents=True)
    for file in Path(source).glob("*.jsonl"):
        Path(kept, file.name).write_bytes(b"".join(file.open("rb").readlines()[1:]))
"""


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """Of Dolma alone, and that is not the real one."""
    folder = tmp_path / "environments"
    interpreter = folder / "dolma" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(STAND_IN.format(python=sys.executable))
    interpreter.chmod(0o755)
    return folder


def test_what_is_said_of_a_peer_is_said_of_the_steps_that_its_script_has() -> None:
    assert set(text_peers.DOLMA.rules) == set(dolma_peer.STEPS) <= set(text.STEPS)
    assert set(text_peers.JUICER.rules) == set(juicer_peer.STEPS) <= set(text.STEPS)
    assert set(text_peers.DATATROVE.rules) == set(text.STEPS)


def test_datatrove_has_the_steps_that_are_said_of_it() -> None:
    pytest.importorskip("datatrove", reason="datatrove is not installed")
    from benchmarks import datatrove_peer

    assert set(text_peers.DATATROVE.rules) == set(datatrove_peer.STEPS)


def test_peers_are_no_benchmarks_and_can_be_installed_by_their_names() -> None:
    assert not set(benchmarks.names()) & {"dolma_peer", "juicer_peer", "text_peers"}
    assert set(installed.PEERS) == {p.name for p in text_peers.PEERS} - {"datatrove"}


def test_a_peer_that_is_not_installed_is_left_out_with_what_to_do(environments: Path) -> None:
    found, said = text_peers.here(environments, ["dolma", "data-juicer"])
    assert [peer.name for peer in found] == ["dolma"]
    assert said[0] == "dolma: dolma 9.9"
    assert "data-juicer: not measured" in said[1]
    assert "scripts/peers.py data-juicer" in said[1]


@pytest.mark.parametrize(
    ("theirs", "same", "both"),
    [
        ({"a": b"1", "b": b"2"}, "yes", "other rules: 2 by both, Jaccard 1.00"),
        ({"a": b"1", "b": b"3"}, "all but 1", "other rules: 2 by both, Jaccard 1.00"),
        ({"b": b"2", "c": b"4", "d": b"5"}, "all but 2", "other rules: 1 by both, Jaccard 0.25"),
        ({}, "all but 2", "other rules: 0 by both, Jaccard 0.00"),
    ],
)
def test_agreement(theirs: text.Kept, same: str, both: str) -> None:
    ours = {"a": b"1", "b": b"2"}
    assert text.same(ours, theirs) == same
    assert text.both(ours, theirs) == both


def test_texts_are_told_apart_only_where_they_count(tmp_path: Path) -> None:
    for name, said in (("a", "one"), ("b", "two")):
        (tmp_path / name).write_text(json.dumps({"id": "1", "text": said}) + "\n")
    assert text.kept([tmp_path / "a"], texts=True) != text.kept([tmp_path / "b"], texts=True)
    assert text.kept([tmp_path / "a"], texts=False) == text.kept([tmp_path / "b"], texts=False) == {"1": b""}


def test_ratios_are_of_the_same_rounds() -> None:
    taken = [pairs.Cost(6, 9, 2 * pairs.MIB), pairs.Cost(4, 4, 3 * pairs.MIB)]
    base = [pairs.Cost(2, 3), pairs.Cost(4, 4)]
    assert text.figures(taken, base) == ("5.0", "6.5", "3", "2.00", "2.00")
    assert text.figures(base, base)[2] == "", "a peak of 0 is one that is not known"


def test_other_rules_are_told_and_so_is_a_step_that_a_peer_does_not_have() -> None:
    said = list(text.remarks(["exact", "fineweb", "repetition"], [text_peers.DATATROVE, text_peers.DOLMA]))
    assert len(said) == 2
    assert said[0] == "- dolma, fineweb: has no such step."
    assert said[1].startswith("- dolma, repetition: tagger gopher_v2")


def test_a_filter_of_dolma_drops_what_is_out_of_bounds_on_either_side() -> None:
    made = list(dolma_peer.excluded("t", {"words": (50, 100), "share": (None, 0.5)}))
    assert [rule.rpartition("&& ")[2] for rule in made] == [
        "@.t__t__words[0][2] < 50)]",
        "@.t__t__words[0][2] > 100)]",
        "@.t__t__share[0][2] > 0.5)]",
    ]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("resiliparse") is None, reason="resiliparse is not installed")
def test_a_step_is_measured_beside_a_peer(tmp_path: Path, environments: Path) -> None:
    """Nine pages, of which two are copies of others; the stand-in drops the first row of each file."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(9):
        said = f"<p>This is page {number % 7}, and it says nothing more than that it is here.</p>"
        (pages / f"{number}.html").write_text(f"<html><body><main>{said}</main></body></html>")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "benchmarks",
                "text",
                "--size",
                "64KiB",
                "--step",
                "exact",
                "--peer",
                "dolma",
            ),
            *("--html", str(pages), "--cache", str(tmp_path / "cache"), "--environments", str(environments)),
        ],
        cwd=ROOT,
        env={"PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "9 documents, " in done.stdout
    assert "dolma: dolma 9.9" in done.stdout
    codata, dolma = (line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| exact"))
    assert (codata[1], codata[-2]) == ("codata", "7")
    assert dolma[1] == "dolma"
    assert "datatrove" not in done.stdout


def test_a_peer_that_is_unknown_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert installed.main(["nemo"]) == 2
    assert "data-juicer" in capsys.readouterr().err


def test_what_can_not_be_installed_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installed, "FOLDER", tmp_path)
    monkeypatch.setattr(installed, "PEERS", {"none": (str(tmp_path / "no-such-1.0-py3-none-any.whl"),)})
    assert installed.main(["none"]) == 1
    assert "none: not here: ERROR" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_an_environment_of_the_same_pins_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(command: list[str]) -> str | None:
        raise AssertionError(command)

    monkeypatch.setattr(installed, "FOLDER", tmp_path)
    monkeypatch.setattr(installed, "PEERS", {"there": ("a==1", "b==2"), "moved": ("a==2",)})
    for name in installed.PEERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / ".made").write_text("a==1\nb==2")
    monkeypatch.setattr(installed, "_run", forbidden)
    assert installed.install("there") is None
    with pytest.raises(AssertionError, match="venv"):
        installed.install("moved")
