"""The peer: data-juicer. `PYTHON juicer_peer.py STEP IN OUT WORKERS`, by the Python of an environment that
has it.

IN is a folder of JSON lines with `id` and `text`; what stays goes to OUT/kept. A step is a list of
data-juicer's operators with their defaults, but for those numbers that have a counterpart in codata's step.
STEP is one of `STEPS`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Operator = Mapping[str, Mapping[str, Any]]
"""An operator's name, and its parameters where they are not the defaults."""

QUALITY: Sequence[Operator] = (
    {"words_num_filter": {"min_num": 50, "max_num": 100_000}},
    {"alphanumeric_filter": {}},
    {"special_characters_filter": {}},
    {"average_line_length_filter": {}},
    {"maximum_line_length_filter": {}},
)

REPETITION: Sequence[Operator] = ({"character_repetition_filter": {}}, {"word_repetition_filter": {}})

MINHASH: Sequence[Operator] = (
    {
        "document_minhash_deduplicator": {
            "window_size": 5,
            "ignore_pattern": r"\p{P}",
            "num_permutations": 112,
            "num_bands": 14,
            "num_rows_per_band": 8,
        }
    },
)

ADDRESSES: Sequence[Operator] = ({"clean_email_mapper": {}}, {"clean_ip_mapper": {}})

STEPS: Mapping[str, Sequence[Operator]] = {
    "gopher-c4": QUALITY,
    "repetition": REPETITION,
    "exact": ({"document_deduplicator": {}},),
    "minhash": MINHASH,
    "fineweb-like": (*REPETITION, *QUALITY, *MINHASH, *ADDRESSES),
}


def alone(folder: Path) -> None:
    """Nothing is fetched, installed, or kept from one run to the next.

    data-juicer installs what it lacks while it runs. That would be in the cost; and it would be PyTorch,
    gigabytes of it, to empty the memory of models after each operator, of which none here has one.
    """
    os.environ.update(
        HF_HOME=str(folder / "datasets"), HF_HUB_OFFLINE="1", DATA_JUICER_CACHE_HOME=str(folder / "cache")
    )
    from data_juicer.ops import base_op
    from data_juicer.utils.lazy_loader import LazyLoader

    LazyLoader._install_package = _refused
    base_op.free_models = _nothing


def _refused(package: str, *_: object) -> None:
    raise ImportError(f"data-juicer wants {package}, which its environment does not have")


def _nothing() -> None:
    pass


def process(operators: Sequence[Operator], source: Path, out: Path, workers: int) -> None:
    """The operators over all files, by the executor that its command starts."""
    between = out / "between"
    between.mkdir(parents=True)
    alone(between)
    from data_juicer.config import init_configs
    from data_juicer.core import DefaultExecutor

    config = {
        "dataset_path": str(source),
        "export_path": str(between / "export" / "kept.jsonl"),
        "work_dir": str(between / "work"),
        "np": workers,
        "process": operators,
        "skip_op_error": False,
    }
    file = between / "config.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")  # which is YAML too
    DefaultExecutor(init_configs(["--config", str(file)])).run(skip_return=True)
    # Statistics lie beside what stays, as JSON lines too.
    (out / "kept").mkdir()
    (between / "export" / "kept.jsonl").rename(out / "kept" / "kept.jsonl")


if __name__ == "__main__":
    step, source, out, workers = sys.argv[1:]
    process(STEPS[step], Path(source), Path(out), int(workers))
