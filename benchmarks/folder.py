"""Many small files: `codata cid` and `codata add --raw` of a folder beside `cp -r` and Kubo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs
from benchmarks.cid import add_raw, help_of, kubo
from benchmarks.pairs import Contender, Cost, codata, command, compare, fresh, options, workplace


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--files", type=int, default=5000, help="how many; default 5000")
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        source = inputs.small_files(folder / "source", args.files)
        contenders: dict[str, Contender] = {
            "cp -r": partial(copy, source, folder / "copy"),
            "codata cid": partial(codata, "cid", source),
        }
        if "--raw" in help_of("add"):
            contenders["codata add --raw"] = partial(add_raw, source, folder / "home")
        contenders |= kubo(folder, source)
        print(f"{args.files:,} files of 100 to 4,000 bytes, median of {args.rounds}")
        compare(contenders, "cp -r", args.rounds, args.warm)


def copy(source: Path, target: Path) -> Cost:
    """`cp -r` to where nothing is."""
    return command("cp", "-r", source, fresh(target))
