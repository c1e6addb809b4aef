"""How long `codata --help` and other small commands take, beside an empty Python."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from benchmarks import jobs
from benchmarks.pairs import codata, command, compare, options, workplace


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    args = options(__doc__, rounds=7).parse_args(arguments)
    with workplace(args.folder) as folder:
        path = jobs.write(folder, jobs.ROWS)
        compare(
            {
                "python -c ''": partial(command, sys.executable, "-c", ""),
                "codata --help": partial(codata, "--help"),
                "codata cid FILE": partial(codata, "cid", path),
                "codata ls": partial(codata, "ls", home=folder / "home"),
                "codata jobs": partial(codata, "jobs"),
            },
            "python -c ''",
            args.rounds,
            args.warm,
        )
