"""Each benchmark runs on a tiny input and prints what it says it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import dedup, inputs, pairs, run

KIB = 1 << 10

ONCE = ("--rounds", "1", "--warm", "0")

TINY = {
    "add": (["--size", "64KiB", *ONCE], "codata add"),
    "car": (["--size", "64KiB", *ONCE], "codata car verify"),
    "cid": (["--size", "64KiB", *ONCE], "codata cid"),
    "cluster": (["--size", "256KiB", "--shards", "4", "--workers", "2", *ONCE], "stock Dask"),
    "dedup": (["--rows", "2000", "--workers", "1"], "larger worker"),
    "feed": (["--rows", "512", "--length", "65", "--batch", "32"], "feed, second epoch"),
    "folder": (["--files", "20", *ONCE], "codata cid"),
    "gateway": (["--size", "1MiB", "--have", "100", *ONCE], "http.server"),
    "memory": (["--size", "64KiB", "--times", "2"], "run with dedup.exact"),
    "piece": (["--size", "1MiB", *ONCE], "openssl dgst -sha256"),
    "placement": (["--shards", "2000", "--providers", "20", "--dask", "30"], "the least possible"),
    "providers": (["--size", "256KiB", "--shards", "3", *ONCE], "three providers"),
    "rerun": (["--size", "64KiB", *ONCE], "1% in a new file"),
    "run": (["--size", "64KiB", *ONCE, "--workers", "1"], "provenance: records"),
    "startup": ([*ONCE], "codata --help"),
    "tasks": (["--tasks", "5", *ONCE], "worker processes"),
    "tokens": (["--size", "64KiB", *ONCE], "tokens.encode"),
}


MANY_PROCESSES = ("cluster", "providers")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in MANY_PROCESSES else n for n in TINY]
)
def test_a_benchmark_runs_and_names_what_it_measured(name: str, tmp_path: Path) -> None:
    """As its own process: a benchmark measures with a process as small as `python -m benchmarks` is."""
    options, expected = TINY[name]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, *options],
        cwd=Path(benchmarks.__file__).parent.parent,
        env={"PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    assert not any(tmp_path.iterdir()), "a benchmark left its input behind"


def test_what_modules_share_is_no_benchmark() -> None:
    assert set(TINY) <= set(benchmarks.names())
    assert not set(benchmarks.names()) & {"__main__", "inputs", "jobs", "pairs", "peers", "servers", "spread"}


@pytest.mark.parametrize(("end", "name"), [f for functions in run.PARTS.values() for f in functions])
def test_a_part_of_a_run_is_a_function_that_is_there(end: str, name: str) -> None:
    """Else its time would silently be counted with the rest."""
    root = Path(benchmarks.__file__).parent.parent
    sources = [p for top in ("cid_store", "codata", "jobs") for p in (root / top).rglob(Path(end).name)]
    texts = [p.read_text(encoding="utf-8") for p in sources if p.as_posix().endswith(end)]
    assert any(f"def {name}(" in text for text in texts)


def test_an_unknown_benchmark_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["speed"]) == 2
    assert "startup" in capsys.readouterr().err


def test_rows_are_json_of_the_size_asked_for_and_always_the_same() -> None:
    made = list(inputs.rows(100 * KIB))
    assert made == list(inputs.rows(100 * KIB)) != list(inputs.rows(100 * KIB, seed=1))
    assert 0 <= sum(map(len, made)) - 100 * KIB < 60 * KIB
    rows = [json.loads(line) for line in made]
    assert [row["id"] for row in rows] == list(range(len(rows)))


def test_a_row_of_short_text_depends_on_its_number_alone_and_may_repeat_an_earlier_one() -> None:
    numbers = np.arange(4000, dtype=np.uint64)
    rows = list(dedup.texts(numbers, 0.3))
    assert list(dedup.texts(numbers[1500:1503], 0.3)) == rows[1500:1503]
    assert {len(row) for row in rows} == {dedup.WORDS}
    found = {" ".join(row) for row in rows}
    near = {" ".join(row[:-1]) for row in rows}
    assert 0.66 < len(near) / len(rows) < 0.74
    assert 0.10 < (len(found) - len(near)) / len(rows) < 0.20


def test_turns_are_taken_and_the_warm_up_is_not_counted() -> None:
    turns: list[str] = []

    def contender(name: str, wall: float) -> pairs.Contender:
        def run() -> pairs.Cost:
            turns.append(name)
            return pairs.Cost(wall * len(turns), 0)

        return run

    costs = pairs.alternate({"a": contender("a", 1), "b": contender("b", 2)}, rounds=2, warm=1)
    assert turns == ["a", "b"] * 3
    assert [c.wall for c in costs["a"]] == [3, 5]
    assert [c.wall for c in costs["b"]] == [8, 12]
    assert pairs.ratio(costs["b"], costs["a"]) == pytest.approx((8 / 3 + 12 / 5) / 2)


def test_a_command_that_fails_is_reported_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3: .*told you"):
        pairs.command(sys.executable, "-c", "import sys; sys.stderr.write('told you'); sys.exit(3)")


@pytest.mark.parametrize(
    ("text", "size"), [("7", 7), ("64KiB", 64 * KIB), ("2 MiB", 2 << 20), ("1GiB", 1 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert pairs.size_of(text) == size
