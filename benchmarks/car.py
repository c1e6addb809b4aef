"""`codata car verify` of the CAR of one file beside reading it and hashing it whole."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs
from benchmarks.pairs import Contender, codata, command, compare, options, python, size_text, workplace
from cid_store.car import export_car
from cid_store.stores import open_store


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    args = options(__doc__).parse_args(arguments)
    with workplace(args.folder) as folder:
        path = car_of(inputs.random_file(folder / "random", args.size), folder)
        contenders: dict[str, Contender] = {
            "openssl dgst -sha256": partial(command, "openssl", "dgst", "-sha256", path),
            "read in Python": partial(python, "benchmarks.peers", "read", path),
            "cat": partial(command, "cat", path),
            "codata car verify": partial(codata, "car", "verify", path),
        }
        if shutil.which("car"):
            contenders["car verify (go-car)"] = partial(command, "car", "verify", path)
        print(f"a CAR of one file of {size_text(args.size)}, median of {args.rounds}")
        compare(contenders, "openssl dgst -sha256", args.rounds, args.warm)


def car_of(source: Path, folder: Path) -> Path:
    """A CAR of one file, root first."""
    path = folder / "file.car"
    with open_store(str(folder / "store")) as store, path.open("wb") as out:
        export_car(store, [store.put_file(source)], out)
    return path
