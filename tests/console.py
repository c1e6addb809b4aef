"""Runs the examples of a Markdown page.

A fenced block whose first line is `# NAME` is written, without that line, to the file NAME. In a `console`
block, a line that begins with `$ ` is run by the shell, in a folder and home of its own; what follows is
its output, in which `…` stands for anything on that line, and a line that is only `…` for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w.-]+)\n")


@dataclass(frozen=True)
class Example:
    """A command and the output that the page shows."""

    command: str
    shown: str


def run_page(page: Path, folder: Path) -> int:
    """Run every example of `page` in `folder`, in order; returns how many. Asserts what is shown."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CODATA_HOME": str(folder / ".codata"),
        "COLUMNS": "120",
    }
    count = 0
    for kind, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if name := _FILE.match(body):
            (folder / name[1]).write_text(body[name.end() :], encoding="utf-8")
        if kind != "console":
            continue
        for example in examples(body):
            done = subprocess.run(
                ["bash", "-c", example.command],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
            )
            matcher = pattern(example.shown)
            assert matcher.fullmatch(done.stdout.rstrip("\n") + "\n"), (
                f"{page.name}: $ {example.command}\nshown:\n{example.shown}\nprinted:\n{done.stdout}"
            )
            count += 1
    return count


def examples(body: str) -> Iterator[Example]:
    """The commands of a console block; a line that ends in a backslash goes on."""
    command, shown = "", []
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield Example(command, "\n".join(shown))
            command, shown = line[2:], []
        elif command.endswith("\\"):
            command += "\n" + line
        else:
            shown.append(line)
    if command:
        yield Example(command, "\n".join(shown))


def pattern(shown: str) -> re.Pattern[str]:
    """What the output must match, line by line."""
    lines = shown.rstrip("\n").split("\n") if shown.strip() else []
    parts = [r"(?:.*\n)*?" if line.strip() == "…" else _line(line) for line in lines]
    return re.compile("".join(parts) or r"\n?")


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
