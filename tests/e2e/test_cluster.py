"""A Dask cluster whose workers have stores of their own: tasks go to the data, the rest comes to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cid_store.cid import CID
from cid_store.stores.local import LocalStore
from codata.execute.cluster import Cluster
from codata.execute.executors import Report
from codata.execute.needs import Need, blocks_of
from codata.execute.run import RunResult, run
from codata.execute.worker import Outcome
from codata.home import Home
from codata.records import pages
from codata.records.manifest import Manifest
from codata.verify.structure import check_structure
from tests.dask_cluster import Running, certificate, cluster, tls_options
from tests.runs import Made, do, job_of, make_run, text_rows

NORMALIZE = {"text.normalize": {"column": "text"}}
STEPS = [NORMALIZE, {"sort": {"by": ["text"]}}]


class Watched(Cluster):
    """Notes how many bytes each stage moved to workers."""

    def __init__(self, address: str, **options: object) -> None:
        super().__init__(address, **options)  # type: ignore[arg-type]
        self.moved: list[int] = []

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        before = self.account().bytes_moved
        super().run(tasks, url, executor, report)
        self.moved.append(self.account().bytes_moved - before)


class Stock(Watched):
    """Dask as it places by itself."""

    def choose(self, needs: Sequence[Need]) -> Mapping[CID, Sequence[str]]:
        chosen = super().choose(needs)
        everywhere = sorted({address for addresses in chosen.values() for address in addresses})
        return dict.fromkeys(chosen, everywhere)


@dataclass(frozen=True)
class Spread:
    """A dataset whose shards lie apart in two stores, and what `STEPS` give of it anywhere."""

    made: Made
    folder: Path
    shards: tuple[CID, ...]
    output: CID

    def stores(self, *, both: bool = False) -> tuple[Path, Path]:
        """Two fresh stores: every other shard in each, or all in both."""
        found = self.folder / "a", self.folder / "b"
        with self.made.home() as home:
            for at, path in enumerate(found):
                with LocalStore(path) as store:
                    for cid in self.shards if both else self.shards[at::2]:
                        store.put_many(blocks_of(home.store, cid))
        return found

    def home(self) -> Home:
        """A home that knows what the dataset's shards are, and has none of them."""
        fresh = Home(self.folder / "home")
        with self.made.home() as home:
            known = [self.made.dataset, *pages.cids(home.store, _manifest(home, self.made.dataset).shards)]
            fresh.store.put_many(home.store.get_many(known))
        return fresh

    def run(self, home: Home, where: Cluster) -> RunResult:
        """`STEPS` over the dataset."""
        return run(home, job_of(home, STEPS), {"data": self.made.dataset}, where)


def _manifest(home: Home, cid: CID) -> Manifest:
    return Manifest.load(home.store, cid)


@pytest.fixture
def spread(tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch) -> Spread:
    made = make_run(tmp_path / "made", text_rows(1200))
    monkeypatch.undo()  # processes cut at the real sizes
    with made.home() as home:
        shards = tuple(s.cid for s in _manifest(home, made.dataset).refs(home.store))
        output = do(home, job_of(home, STEPS), {"data": made.dataset}).outputs["output"]
    assert len(shards) >= 6
    return Spread(made, tmp_path, shards, output)


@pytest.fixture
def running(spread: Spread) -> Iterator[Running]:
    with cluster("tcp", [], spread.folder, spread.stores()) as found:
        yield found


def test_tasks_go_to_the_data_and_give_what_they_give_anywhere(spread: Spread, running: Running) -> None:
    with spread.home() as home, Watched(running.address, timeout=60) as where:
        done = spread.run(home, where)
        assert done.outputs["output"] == spread.output
        assert len(check_structure(home.store, done.run).rows) == done.tasks
        assert home.store.open_file(next(_manifest(home, spread.output).refs(home.store)).cid).size > 0
        assert not any(home.store.has_many(spread.shards)), "the inputs stay where they are"
        assert where.moved[0] == 0, "each first task ran where its shard is"
        assert 0 < sum(where.moved) == done.bytes_moved, "to sort, rows have to meet"
        assert where.account().bytes_fetched > 0


def test_dask_by_itself_moves_more(spread: Spread, running: Running) -> None:
    with spread.home() as home, Stock(running.address, timeout=60) as where:
        done = spread.run(home, where)
    assert done.outputs["output"] == spread.output
    assert where.moved[0] > 0


@pytest.mark.slow
def test_over_tls(spread: Spread) -> None:
    cert, key = certificate(spread.folder)
    with cluster("tls", tls_options(cert, key), spread.folder, spread.stores()) as running:
        tls = (str(cert), str(cert), str(key))
        with spread.home() as home, Cluster(running.address, tls=tls, timeout=60) as where:
            assert spread.run(home, where).outputs["output"] == spread.output


@pytest.mark.slow
def test_what_the_home_alone_has_is_sent(spread: Spread) -> None:
    with cluster("tcp", [], spread.folder, (spread.folder / "a", spread.folder / "b")) as running:
        with spread.made.home() as home, Watched(running.address, timeout=60) as where:
            job = job_of(home, [{"text.normalize": {"column": "text", "strip": True}}])
            done = run(home, job, {"data": spread.made.dataset}, where)
            sizes = sum(home.store.open_file(cid).size for cid in spread.shards)
        assert where.moved[0] >= sizes
        assert done.executed == done.tasks


@pytest.mark.slow
def test_a_killed_worker_whose_data_others_have(spread: Spread) -> None:
    with (
        cluster("tcp", [], spread.folder, spread.stores(both=True)) as running,
        spread.home() as home,
        Killing(running) as where,
    ):
        done = spread.run(home, where)
    assert where.killed
    assert done.outputs["output"] == spread.output


def test_a_killed_worker_whose_data_only_the_home_has(spread: Spread) -> None:
    """Its tasks wait for nobody, and what was sent to it is sent again."""
    with (
        cluster("tcp", [], spread.folder, (spread.folder / "a", spread.folder / "b")) as running,
        Home(spread.folder / "new") as home,
        Killing(running) as where,
    ):
        with spread.made.home() as full:
            home.store.put_many(full.store.get_many(full.store.cids()))
        done = spread.run(home, where)
    assert where.killed
    assert done.outputs["output"] == spread.output


class Killing(Cluster):
    """Kills a worker when the first task has ended."""

    def __init__(self, running: Running) -> None:
        super().__init__(running.address, timeout=60)
        self._victim = running.workers[0]
        self.killed = False

    def run(self, tasks: Sequence[CID], url: str, executor: str, report: Report) -> None:
        def kill(outcome: Outcome) -> None:
            report(outcome)
            if not self.killed:
                self._victim.kill()
                self._victim.wait()
                self.killed = True

        super().run(tasks, url, executor, kill)
