"""`codata add` of rows of text in JSON lines beside Polars: `read_ndjson` and `write_ipc`.

codata also keeps the source, proves, cuts and hashes the rows twice, and writes receipts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs
from benchmarks.pairs import Cost, codata, compare, fresh, options, python, size_text, workplace


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    args = options(__doc__).parse_args(arguments)
    with workplace(args.folder) as folder:
        path = inputs.jsonl(folder / "rows.jsonl", args.size)
        print(f"one file of {size_text(args.size)} of JSON lines, median of {args.rounds}")
        compare(
            {
                "Polars": partial(import_with_polars, path, folder / "rows.arrow"),
                "codata add": partial(add, path, folder / "home"),
            },
            "Polars",
            args.rounds,
            args.warm,
        )


def add(path: Path, home: Path) -> Cost:
    """Into an empty home."""
    return codata("add", path, home=fresh(home))


def import_with_polars(path: Path, target: Path) -> Cost:
    """To a file that is not there yet."""
    return python("benchmarks.peers", "import", path, fresh(target))
