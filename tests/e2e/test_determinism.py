"""One job over real files, under settings that must not matter: the same output CIDs, each in a new home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

JOB = """
codata: job/1
inputs: [files, again]
steps:
  - filter: {where: "text IS NOT NULL"}
    as: texts
  - text.normalize: {column: text}
  - text.length_filter: {column: text, min: 20}
  - dedup.exact: {on: [text]}
    as: unique
  - sample: {fraction: "0.5", seed: 3}
  - sort: {by: [size, path], descending: true}
    as: sorted
  - shuffle: {seed: 7}
    from: unique
  - select: {columns: {path: path, letters: "LENGTH(text)"}}
    as: shuffled
  - join: {with: again, on: [path], how: semi}
    from: shuffled
    as: joined
outputs: [sorted, shuffled, joined]
"""

SETTINGS = [
    (1, {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC", "POLARS_MAX_THREADS": "1"}),
    (2, {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu", "POLARS_MAX_THREADS": "3"}),
    (4, {"PYTHONHASHSEED": "99", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "OMP_NUM_THREADS": "2"}),
]


@pytest.mark.slow
def test_workers_and_settings_do_not_show(tmp_path: Path) -> None:
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    (tmp_path / "job.yaml").write_text(JOB)
    found: list[tuple[object, object]] = []
    for workers, settings in SETTINGS:

        def codata(
            *arguments: str, workers: int = workers, settings: dict[str, str] = settings
        ) -> dict[str, object]:
            command = [
                str(Path(sys.executable).with_name("codata")),
                *arguments,
                "-w",
                str(workers),
                "--json",
            ]
            home = {"CODATA_HOME": str(tmp_path / f"home-{workers}")}
            done = subprocess.run(
                command, env={**os.environ, **home, **settings}, stdout=subprocess.PIPE, text=True
            )
            value: dict[str, object] = json.loads(done.stdout)
            assert done.returncode == 0, value
            return value

        added = codata("add", str(stdlib / "**" / "*.py"), "--format", "files", "--name", "files")
        run = codata("run", str(tmp_path / "job.yaml"), "files", "--input", "again=files")
        found.append((added["dataset"], run["outputs"]))
    assert found[0] == found[1] == found[2]
