"""`codata cid` of one random file, beside `openssl dgst -sha256`, Kubo and ipfs-car.

openssl is what one plain hash costs. `ipfs` and `ipfs-car` join in where they are on PATH; --install-peers
gets ipfs-car with npm into the working folder first.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs
from benchmarks.pairs import (
    Contender,
    Cost,
    codata,
    codata_command,
    command,
    compare,
    fresh,
    options,
    size_text,
    workplace,
)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--install-peers", action="store_true", help="install ipfs-car with npm")
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        path = inputs.random_file(folder / "random", args.size)
        contenders: dict[str, Contender] = {
            "openssl dgst -sha256": partial(command, "openssl", "dgst", "-sha256", path),
            "codata cid": partial(codata, "cid", path),
        }
        if "--raw" in help_of("add"):
            contenders["codata add --raw"] = partial(add_raw, path, folder / "home")
        contenders |= kubo(folder, path) | ipfs_car(folder, path, args.install_peers)
        print(f"one file of {size_text(args.size)}, median of {args.rounds}")
        compare(contenders, "openssl dgst -sha256", args.rounds, args.warm)


def help_of(name: str) -> str:
    """What `codata NAME --help` says."""
    shown = subprocess.run(codata_command(name, "--help"), capture_output=True, text=True, check=True)
    return shown.stdout


def add_raw(path: Path, home: Path) -> Cost:
    """`codata add --raw` into an empty home."""
    return codata("add", "--raw", path, home=fresh(home))


def kubo(folder: Path, path: Path) -> dict[str, Contender]:
    """`ipfs add`, with and without storing, where there is an `ipfs`; a new repository each round."""
    if not shutil.which("ipfs"):
        return {}
    env = {"IPFS_PATH": str(folder / "kubo")}
    command("ipfs", "init", "--profile=test", env=env)
    flags = (
        "--quieter",
        "--recursive",
        "--cid-version=1",
        "--raw-leaves",
        "--chunker=size-1048576",
    )

    def store() -> Cost:
        fresh_env = {"IPFS_PATH": str(fresh(folder / "kubo-store"))}
        command("ipfs", "init", "--profile=test", env=fresh_env)
        return command("ipfs", "add", *flags, path, env=fresh_env)

    only_hash = partial(command, "ipfs", "add", "--only-hash", *flags, path, env=env)
    return {"ipfs add --only-hash": only_hash, "ipfs add": store}


def ipfs_car(folder: Path, path: Path, install: bool) -> dict[str, Contender]:
    """`ipfs-car pack`, which names blocks on its way to a CAR, into nothing."""
    program = shutil.which("ipfs-car")
    if program is None and install and shutil.which("npm"):
        command("npm", "install", "--prefix", folder / "npm", "ipfs-car")
        program = str(folder / "npm/node_modules/.bin/ipfs-car")
    return {"ipfs-car pack": partial(command, program, "pack", "--no-wrap", path)} if program else {}
