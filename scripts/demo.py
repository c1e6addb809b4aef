"""The main job on real input: the source code of this Python and of the packages installed beside it.

Adds the files as a dataset, plans and runs a ready-made job, runs it again to show that nothing is
recomputed, verifies the result by running drawn tasks again, and feeds batches. It uses a home of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo" / "home"
CODATA = Path(sys.executable).with_name("codata")

FEED = """
import json, sys
from pathlib import Path
from codata import Dataset, Feed, Home

with Home.find(Path(sys.argv[1])) as home:
    dataset = Dataset(home.store, home.resolve("packed"))
    feed = Feed(dataset, batch_size=16, seed=7, columns=["tokens"])
    for number, batch in zip(range(3), feed):
        tokens = batch["tokens"]
        print(f"  batch {number}: {tokens.shape} {tokens.dtype}, first row begins {tokens[0, :6].tolist()}")
    print(f"  {len(feed)} batches an epoch; to go on from here: {json.dumps(feed.state_dict())}")
"""


def main() -> None:
    """Run every part; stop at the first that fails."""
    began = time.perf_counter()
    shutil.rmtree(HOME, ignore_errors=True)
    say(f"home: {HOME.relative_to(ROOT)} (removed and made anew at each demo)")
    paths = sysconfig.get_paths()
    stdlib, packages = Path(paths["stdlib"]), Path(paths["purelib"])
    sources = [below(stdlib), below(packages)]

    head(
        "1. Add: files to a dataset",
        f"codata add '{stdlib.name}/**/*.py' 'site-packages/**/*.py' --format files --name source",
    )
    added = codata("add", *sources, "--format", "files", "--name", "source")
    show(added, "dataset", "rows", "shards", "bytes", "run")

    head("2. Plan: what would run", "codata plan source-code source")
    print(text("plan", "source-code", "source"))

    head(
        "3. Run: normalise, filter, deduplicate, tokenise, pack",
        "codata run source-code source --name packed",
    )
    first = codata("run", "source-code", "source", "--name", "packed")
    show(first, "run", "outputs", "tasks", "executed", "reused", "seconds")

    head("4. Run again: nothing is recomputed", "codata run source-code source --name packed")
    again = codata("run", "source-code", "source", "--name", "packed")
    show(again, "run", "tasks", "executed", "reused", "seconds")
    same = "the same run CID" if again["run"] == first["run"] else "ANOTHER run CID"
    say(f"{same}, in {again['seconds'] / first['seconds']:.1%} of the time")

    head("5. Verify: structure, then drawn tasks run again", "codata verify packed --detect 10%")
    proof = codata("verify", "packed", "--detect", "10%")
    show(proof, "verdict", "tasks", "checked", "detects", "attestation")

    head("6. Lineage: back to the files", "codata lineage packed")
    print(text("lineage", "packed"))

    head("7. Feed: batches for training", "from codata import Feed")
    subprocess.run([sys.executable, "-c", FEED, str(HOME)], check=True)

    say(f"\ndone in {time.perf_counter() - began:.0f} s. Look around in this home, for example:")
    say(f"  $ CODATA_HOME={HOME.relative_to(ROOT)} {CODATA.relative_to(ROOT)} show packed")
    if again["executed"] or again["run"] != first["run"] or proof["verdict"] != "verified":
        sys.exit("the demo did not hold what it promises")


def below(folder: Path) -> str:
    """A pattern for the Python files in `folder`.

    Files are called by what follows a pattern's part without wildcards. The folder's last letter is written
    as one, so its files are called `folder/…`.
    """
    return str(folder.with_name(f"{folder.name[:-1]}[{folder.name[-1]}]") / "**" / "*.py")


def text(*arguments: str) -> str:
    """What a command prints for people."""
    done = subprocess.run(
        [str(CODATA), *arguments, "--home", str(HOME)], check=True, stdout=subprocess.PIPE, text=True
    )
    return "\n".join(f"  {line}" for line in done.stdout.rstrip().splitlines())


def codata(*arguments: str) -> dict[str, Any]:
    """A command's JSON result."""
    done = subprocess.run(
        [str(CODATA), *arguments, "--home", str(HOME), "--json"], stdout=subprocess.PIPE, text=True
    )
    value: dict[str, Any] = json.loads(done.stdout)
    if done.returncode:
        sys.exit(f"`codata {arguments[0]}` ended with {done.returncode}: {value}")
    return value


def head(title: str, command: str) -> None:
    """A heading and the command that follows."""
    say(f"\n{title}\n  $ {command}")


def show(value: dict[str, Any], *keys: str) -> None:
    """Some keys of a result."""
    for key in keys:
        held = value[key]
        if isinstance(held, dict):
            for name, one in held.items():
                print(f"  {key} {name}: {one}")
        else:
            print(f"  {key}: {held:,}" if isinstance(held, int) else f"  {key}: {held}")


def say(line: str) -> None:
    """A line at once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
