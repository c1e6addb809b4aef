"""What only several processes can show: environments, kills, two runs at once, a cluster."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cid_store.cid import CID, RAW
from cid_store.errors import UsageError
from codata.errors import TaskFailed
from codata.execute.cluster import Cluster
from codata.home import Home
from codata.verify.structure import check_structure
from tests.dask_cluster import certificate, cluster, tls_options
from tests.processes import ended, killed_after, start
from tests.runs import make_run, text_rows
from tests.servers import free_port

JOB = "codata: job/1\nsteps:\n  - text.normalize: {column: text}\n  - sort: {by: [text]}\n"


@pytest.fixture
def prepared(tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A home whose dataset has many small shards, and a job that has not run on it."""
    made = make_run(tmp_path / "home", text_rows(600))
    (tmp_path / "job.yaml").write_text(JOB)
    monkeypatch.undo()  # processes cut at the real sizes
    return tmp_path, made.dataset


def test_nothing_around_it_shows_in_the_output(prepared: tuple[Path, str]) -> None:
    folder, dataset = prepared
    environments = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC", "POLARS_MAX_THREADS": "1"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo", "POLARS_MAX_THREADS": "4"},
    ]
    outputs = set()
    for i, environment in enumerate(environments):
        car = folder / "data.car"
        if not car.exists():
            ended(start(folder / "home", "car", "create", dataset, car))
        home = folder / f"home{i}"
        ended(start(home, "car", "import", car))
        job = folder / "job.yaml"
        outputs.add(ended(start(home, "run", job, dataset, "--workers", 1 + i, **environment))["output"])
    assert len(outputs) == 1


def test_a_killed_run_goes_on_where_it_was(prepared: tuple[Path, str]) -> None:
    folder, dataset = prepared
    home, job = folder / "home", folder / "job.yaml"
    process = start(home, "run", job, dataset, "--workers", 1)
    kept = killed_after(process, home, 3)
    assert kept >= 3
    done = ended(start(home, "run", job, dataset, "--workers", 1))
    assert done["executed"] + done["reused"] == done["tasks"]
    assert done["reused"] >= 3
    assert _tasks_whose_seals_hold(home, done["run"]) == done["tasks"]


def _tasks_whose_seals_hold(home: Path, run: str) -> int:
    """The dataset's shards are too small to be canonical here, so `codata verify` would refuse its input."""
    with Home(home) as opened:
        return len(check_structure(opened.store, CID(run)).rows)


def test_two_runs_at_once_on_one_home(prepared: tuple[Path, str]) -> None:
    folder, dataset = prepared
    both = [start(folder / "home", "run", folder / "job.yaml", dataset, "--workers", 1) for _ in range(2)]
    done = [ended(process) for process in both]
    assert len({d["output"] for d in done}) == 1
    again = ended(start(folder / "home", "run", folder / "job.yaml", dataset, "--workers", 1))
    assert again["executed"] == 0
    for d in done:
        assert _tasks_whose_seals_hold(folder / "home", d["run"]) == d["tasks"]


def test_new_homes_opened_at_once(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1]}), rows)
    added = [ended(p) for p in [start(tmp_path / "new", "add", rows, "--workers", 1) for _ in range(3)]]
    assert len({a["dataset"] for a in added}) == 1


@pytest.mark.parametrize("scheme", ["tls", pytest.param("tcp", marks=pytest.mark.slow)])
def test_a_cluster_gives_the_same_output(prepared: tuple[Path, str], scheme: str) -> None:
    folder, dataset = prepared
    security, tls = list[str](), list[str]()
    if scheme == "tls":
        cert, key = certificate(folder)
        security = tls_options(cert, key)
        tls = ["--tls", f"{cert},{cert},{key}"]
    other = folder / "other"
    ended(start(folder / "home", "car", "create", dataset, folder / "data.car"))
    ended(start(other, "car", "import", folder / "data.car"))
    with cluster(scheme, security, folder) as running:
        command = ["run", folder / "job.yaml", dataset, "--cluster", running.address, *tls]
        there = ended(start(folder / "home", *command))
    here = ended(start(other, "run", folder / "job.yaml", dataset, "--workers", 1))
    assert there["output"] == here["output"]
    assert there["executed"] == here["executed"] > 10


def test_a_cluster_that_is_not_there_is_named() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with Cluster(address, timeout=1) as nowhere, pytest.raises(TaskFailed, match=address) as caught:
        nowhere.run([CID.make(RAW, b"")], "memory:", "did", lambda outcome: None)
    assert "dask scheduler" in caught.value.next_step
    with pytest.raises(UsageError, match="no scheduler address"):
        Cluster("127.0.0.1:8786")
