"""The peer: datatrove. `python -m benchmarks.datatrove_peer STEP IN OUT WORKERS`.

IN is a folder of JSON lines with `id` and `text`; each file is one task of datatrove. What stays goes to
OUT as JSON lines, not compressed. STEP is one of `STEPS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

MINHASH_BUCKETS = 14

Pipeline = list[Any]


class Work:
    """Runs pipelines over the files of one folder, into a folder for what comes between and one for the
    end."""

    def __init__(self, source: Path, out: Path, workers: int) -> None:
        self.source, self.out, self.workers = str(source), str(out / "kept"), workers
        self.between = out / "between"
        self.tasks = len(list(source.glob("*.jsonl")))
        self._number = 0

    def read(self) -> JsonlReader:
        """The documents."""
        return JsonlReader(self.source, glob_pattern="*.jsonl", compression=None)

    def write(self) -> JsonlWriter:
        """What stays at the end."""
        return JsonlWriter(self.out, compression=None)

    def folder(self, name: str) -> str:
        """A folder for what comes between two pipelines."""
        return str(self.between / name)

    def run(self, pipeline: Pipeline, tasks: int | None = None) -> None:
        """One pipeline, by spawned processes as its library starts them."""
        self._number += 1
        logs = self.folder(f"logs{self._number}")
        count = tasks or self.tasks
        LocalPipelineExecutor(
            pipeline, tasks=count, workers=min(self.workers, count), logging_dir=logs, start_method="spawn"
        ).run()


def rows(*filters: Callable[[], Any]) -> Callable[[Work], None]:
    """One pipeline: read, filter, write."""

    def work(at: Work) -> None:
        at.run([at.read(), *(make() for make in filters), at.write()])

    return work


def exact(at: Work) -> None:
    """Signatures, duplicates, filter."""
    config = ExactDedupConfig(content_getter=_text)
    at.run([at.read(), ExactDedupSignature(at.folder("signatures"), config, at.workers)])
    at.run([ExactFindDedups(at.folder("signatures"), at.folder("found"), config=config)], at.workers)
    at.run([at.read(), ExactDedupFilter(at.folder("found"), config=config), at.write()])


def _text(document: Any) -> str:
    text: str = document.text
    return text


def minhash(at: Work) -> None:
    """Signatures, buckets, clusters, filter."""
    _minhash(at, at.read)


def _minhash(at: Work, read: Callable[[], Any], *after: Any) -> None:
    at.run([read(), MinhashDedupSignature(at.folder("signatures"))])
    at.run([MinhashDedupBuckets(at.folder("signatures"), at.folder("buckets"))], MINHASH_BUCKETS)
    at.run([MinhashDedupCluster(at.folder("buckets"), at.folder("remove"))], 1)
    at.run([read(), MinhashDedupFilter(at.folder("remove")), *after, at.write()])


def fineweb(at: Work) -> None:
    """FineWeb's order from the filters on: repetition, quality, C4 without its end of line, FineWeb, MinHash,
    PII."""
    filtered = at.folder("filtered")
    at.run(
        [
            at.read(),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            C4QualityFilter(filter_no_terminal_punct=False),
            FineWebQualityFilter(),
            JsonlWriter(filtered, compression=None),
        ]
    )
    _minhash(at, lambda: JsonlReader(filtered, compression=None), PIIFormatter())


STEPS: dict[str, Callable[[Work], None]] = {
    "gopher-c4": rows(GopherQualityFilter, C4QualityFilter),
    "repetition": rows(GopherRepetitionFilter),
    "fineweb": rows(FineWebQualityFilter),
    "exact": exact,
    "minhash": minhash,
    "fineweb-like": fineweb,
}

if __name__ == "__main__":
    step, source, out, workers = sys.argv[1:]
    STEPS[step](Work(Path(source), Path(out), int(workers)))
