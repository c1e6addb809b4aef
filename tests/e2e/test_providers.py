"""Jobs on three real providers: processes on loopback, each with a third of the data; the home has none."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from cid_store.cid import CID
from codata.home import Home
from codata.records.receipt import Receipt
from codata.records.run import Run
from codata.verify.structure import check_structure
from tests.command import Commands, Ran
from tests.servers import free_port
from tests.spread import STEPS, Spread, give, know, least, spread

CODATA = Path(sys.executable).with_name("codata")


@dataclass(frozen=True)
class Provider:
    """A running one."""

    process: subprocess.Popen[str]
    url: str
    did: str
    home: Path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Spread:
    return spread(tmp_path_factory.mktemp("whole"), rows=6000)


@contextmanager
def _serving(home: Path, port: int, settings: dict[str, str]) -> Iterator[Provider]:
    lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(f"[provider.tasks]\nkeep_free = 1\nworkers = 1\n{lines}\n")
    command = [str(CODATA), "provider", "serve", "--json", "--home", str(home)]
    command += ["--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ}
    ) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield Provider(process, said["url"], said["did"], home)
        finally:
            process.kill()


@contextmanager
def _three(
    data: Spread, path: Path, *, copies: int = 1, allow: str | None = None, count: int = 3
) -> Iterator[list[Provider]]:
    """Providers that let the home in, and fetch from each other."""
    with Home(path / "home") as home:
        know(data, home)
        rules = [f'{{did = "{home.identity.did}", steps = ["*"]}}']
    ports = [free_port() for _ in range(count)]
    sources = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
    settings = {"allow": f"[{allow or ', '.join(rules)}]", "sources": f"[{sources}]"}
    with ExitStack() as stack:
        homes = [Home(path / f"p{i}") for i in range(count)]
        give(data, homes, copies=copies)
        for opened in homes:
            opened.close()
        yield [stack.enter_context(_serving(path / f"p{i}", port, settings)) for i, port in enumerate(ports)]


def _job(path: Path, steps: Sequence[Any] = tuple(STEPS)) -> Path:
    file = path / "job.yaml"
    file.write_text(yaml.safe_dump({"codata": "job/1", "steps": list(steps)}))
    return file


def _run(path: Path, data: Spread, providers: Sequence[Provider], *more: str) -> Ran:
    on = [word for provider in providers for word in ("--on", provider.url)]
    return Commands(path / "home")("run", _job(path), data.dataset, *on, *more)


def test_a_job_of_several_stages_moves_the_least(data: Spread, tmp_path: Path) -> None:
    with _three(data, tmp_path) as providers:
        planned = Commands(tmp_path / "home")(
            "plan", _job(tmp_path), data.dataset, *(w for p in providers for w in ("--on", p.url))
        ).value["placement"]
        done = _run(tmp_path, data, providers, "--no-home")
        assert done.code == 0, done.err
        value = done.value
        assert value["outputs"] == dict(data.alone.outputs)
        assert planned["stages"][0]["expected"]["bytes_moved"] == 0
        foreseen, moved = planned["expected"]["bytes_moved"], value["bytes_moved"]
        assert moved * 2 / 3 <= foreseen <= moved * 3 / 2
        assert [seat["why"].split(" of")[0] for seat in planned["tasks"]] == ["holds all"] * 12
        assert all(p["word"] == "good" and p["tasks"] >= 8 for p in value["providers"])
        with Home(tmp_path / "home") as home:
            fewest = least(home, CID(value["run"]), data)
            assert 0 < value["bytes_moved"] <= 1.1 * fewest
            executors = {
                Receipt.load(home.store, row.receipt).executor
                for row in Run.load(home.store, CID(value["run"])).entries(home.store)
            }
            assert executors >= {p.did for p in providers}
        again = _run(tmp_path, data, providers, "--no-home").value
        assert (again["outputs"], again["bytes_moved"]) == (value["outputs"], 0)


def _with_copies(rows: int, seed: int) -> pa.Table:
    """Texts of drawn words: one in seven is the text of an earlier row, one in five all but a word of it."""
    drawn = random.Random(seed)
    vocabulary = ["".join(drawn.choices(string.ascii_lowercase, k=5)) for _ in range(5000)]
    texts: list[str] = []
    for i in range(rows):
        words = drawn.choices(vocabulary, k=40)
        if i > 50 and i % 7 == 6:
            words = texts[drawn.randrange(i)].split()
        elif i > 50 and i % 5 == 4:
            words = [*texts[drawn.randrange(i)].split()[:-1], words[0]]
        texts.append(" ".join(words))
    return pa.table({"id": pa.array(range(rows), pa.int64()), "text": pa.array(texts)})


def test_what_all_stages_move_is_foreseen(tmp_path: Path) -> None:
    """At most what is assumed moves of a job that nobody has run; what it took with other data tells more."""
    job = "dedup-only"
    trial = spread(tmp_path / "trial", STEPS[:1], table=_with_copies(3000, 1))
    data = spread(tmp_path / "whole", STEPS[:1], table=_with_copies(6000, 2))
    with _three(data, tmp_path) as providers:
        on = [word for provider in providers for word in ("--on", provider.url)]
        codata = Commands(tmp_path / "home")
        blind = codata("plan", job, data.dataset, *on).value
        with Home(tmp_path / "home") as home:
            know(trial, home)
        homes = [Home(provider.home) for provider in providers]
        give(trial, homes)
        for home in homes:
            home.close()
        assert codata("run", job, trial.dataset, *on, "--no-home").code == 0
        planned = codata("plan", job, data.dataset, *on).value
        done = codata("run", job, data.dataset, *on, "--no-home").value
        again = codata("plan", job, data.dataset, *on).value
    assert (blind["ends"], planned["ends"]) == (None, None)
    assert {stage["sizes"] for stage in blind["placement"]["stages"]} == {"known", "assumed"}
    assert {stage["sizes"] for stage in planned["placement"]["stages"]} == {"known", "seen"}
    moved = done["bytes_moved"]
    assert moved <= blind["placement"]["expected"]["bytes_moved"]
    assert done["predicted"]["bytes_moved"] == planned["placement"]["expected"]["bytes_moved"]
    assert moved * 2 / 3 <= done["predicted"]["bytes_moved"] <= moved * 3 / 2
    assert sum(stage["actual"]["bytes_moved"] for stage in done["stages"] if stage["actual"]) == moved
    for stage in done["stages"]:
        foreseen, came = (stage[key]["bytes_moved"] if stage[key] else 0 for key in ("predicted", "actual"))
        assert abs(foreseen - came) <= max(came / 2, 128 * 1024), stage
    expected = again["placement"]["expected"]
    assert (expected["bytes_moved"], expected["bytes_fetched"]) == (0, 0)


def test_a_provider_that_is_killed_is_worked_around(data: Spread, tmp_path: Path) -> None:
    with _three(data, tmp_path, copies=2) as providers:
        victim = providers[1]

        def kill() -> None:
            with Home(victim.home) as home:
                while not home.ledger.recent(1):
                    time.sleep(0.02)
            victim.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        done = _run(tmp_path, data, providers)
        killer.join()
    assert done.code == 0, done.err
    assert done.value["outputs"] == dict(data.alone.outputs)
    words = {p["url"]: p["word"] for p in done.value["providers"]}
    assert words[victim.url] == "gone"
    assert victim.url in done.err


def test_a_run_that_was_stopped_goes_on_with_what_providers_did(data: Spread, tmp_path: Path) -> None:
    with _three(data, tmp_path) as providers:
        first = _run(tmp_path, data, providers, "--leave", "--no-home")
        assert first.value["bytes_fetched"] == 0
        second = _run(tmp_path, data, providers, "--no-home")
        assert second.value["bytes_fetched"] > 0
        assert second.value["bytes_moved"] == 0
        assert second.value["run"] == first.value["run"]


def test_a_stranger_is_refused_by_name_and_the_home_does_the_work(data: Spread, tmp_path: Path) -> None:
    nobody = '{did = "did:key:z6MkfGo8byqdR4sLjWw83YW7qvWVyvvwxp7SexUVGx261rxz", steps = ["*"]}'
    with _three(data, tmp_path, allow=nobody, count=1) as providers:
        refused = _run(tmp_path, data, providers, "--no-home")
        assert (refused.code, refused.error) == (1, "NoPlace")
        assert providers[0].url in refused.value["error"]["message"]
        done = _run(tmp_path, data, providers)
    assert done.code == 0
    assert done.value["outputs"] == dict(data.alone.outputs)
    assert done.value["providers"][0]["word"] == "refused"


def test_a_run_on_providers_can_be_verified(data: Spread, tmp_path: Path) -> None:
    with _three(data, tmp_path, count=2) as providers:
        done = _run(tmp_path, data, providers, "--audit", "50%")
        assert done.code == 0
        assert sum(p["audited"] for p in done.value["providers"]) > 0
    with Home(tmp_path / "home") as home:
        assert len(check_structure(home.store, CID(done.value["run"])).rows) == data.alone.tasks


def test_providers_come_from_the_configuration_and_from_routing(data: Spread, tmp_path: Path) -> None:
    with _three(data, tmp_path, count=2) as providers:
        codata = Commands(tmp_path / "home")
        job = _job(tmp_path)
        missing = codata("plan", job, data.dataset, "--on", "configured")
        assert (missing.code, missing.error) == (2, "UsageError")
        urls = ", ".join(f'"{p.url}"' for p in providers)
        (tmp_path / "home" / "config.toml").write_text(
            f'[providers]\nurls = [{urls}]\n[routing]\nurls = ["{providers[0].url}"]\n'
        )
        found = codata("plan", job, data.dataset, "--on", "configured").value["placement"]
        assert {p["url"] for p in found["providers"]} == {p.url for p in providers}
        with Home(providers[0].home) as home:
            know(data, home)
            give(data, [home])
        routed = codata("plan", job, data.dataset, "--on", "routed").value["placement"]
        assert [p["url"] for p in routed["providers"]] == [providers[0].url]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--on", "http://127.0.0.1:9", "--cluster", "tcp://127.0.0.1:9"), "exclude each other"),
        (("--on", "http://127.0.0.1:9", "--prefer", "luck"), "neither time nor price"),
        (("--on", "http://127.0.0.1:9", "--audit", "200%"), "is not a share"),
        (("--on", "http://provider.example"), "read by everybody"),
        (("--on", "nowhere"), "is no gateway"),
    ],
)
def test_wrong_usage(data: Spread, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    with Home(tmp_path / "home") as home:
        know(data, home)
    done = Commands(tmp_path / "home")("run", _job(tmp_path), data.dataset, *options)
    assert (done.code, done.error) == (2, "UsageError")
    assert says in done.value["error"]["message"]
