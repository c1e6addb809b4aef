"""The jobs that benchmarks run, and a home that holds their input."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pairs import codata
from benchmarks.peers import LEAST, MOST, SCORE
from codata.dataset import Dataset
from codata.home import Home
from codata.show import dataset_of

ROWS = f"""codata: job/1
steps:
  - text.normalize: {{column: text}}
  - filter: {{where: "score > {SCORE}"}}
  - text.length_filter: {{column: text, min: {LEAST}, max: {MOST}}}
"""

DEDUP = ROWS + "  - dedup.exact: {on: [text]}\n"


def write(folder: Path, text: str) -> Path:
    """A job file."""
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def home_with(source: Path, home: Path) -> Path:
    """A home whose dataset `rows` was imported from `source`."""
    codata("add", source, "--name", "rows", home=home)
    return home


def shard_files(home: Path, folder: Path, name: str = "rows") -> int:
    """A dataset's shards as Arrow files, which is what they are; returns how many."""
    folder.mkdir()
    with Home(home) as opened:
        dataset = Dataset(opened.store, dataset_of(opened, name))
        for number, shard in enumerate(dataset.shards):
            (folder / f"{number:05}.arrow").write_bytes(opened.store.open_file(shard.cid).view())
        return len(dataset.shards)
