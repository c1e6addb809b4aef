"""What a task's process is shut in by, besides its own limits: it sees the store, and no network.

bubblewrap shows it nothing but the interpreter, the libraries and the store. Where it does not work,
`unshare` takes the network away, and nothing else. Where neither works, limits are all there is, and the log
says so.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codata.provider.errors import BadSettings

_log = logging.getLogger("codata.provider")

_PROBE_SECONDS: Final = 20
_SYSTEM: Final = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sbin", "/etc/ld.so.cache", "/etc/localtime")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Its name, as the offer tells it, and what stands before a command."""

    name: str
    prefix: tuple[str, ...] = ()


def choose(wanted: str, store: Path, home: Path) -> Sandbox:
    """The sandbox called `wanted`, or for `auto` the first that works here; raises `BadSettings`.

    `store` can be written to within it; `home`, which holds the key, can't be seen but for the store.
    """
    tried = [_bubblewrap(store, home), _unshare()] if wanted == "auto" else []
    tried += [_bubblewrap(store, home)] if wanted == "bubblewrap" else []
    tried += [_unshare()] if wanted == "unshare" else []
    found = next((sandbox for sandbox in tried if sandbox and _works(sandbox)), None)
    if found is None and wanted not in ("auto", "limits"):
        raise BadSettings(
            f"the sandbox {wanted} does not work on this machine",
            next_step="install it, let this user make namespaces, or choose sandbox = 'auto'",
        )
    if found is None or found.name != "bubblewrap":
        name = found.name if found else "limits"
        lacking = "sees the files of this user" + ("" if found else " and the network")
        _log.warning("weak sandbox", extra={"fields": {"sandbox": name, "means": f"a task {lacking}"}})
    return found or Sandbox("limits")


def _works(sandbox: Sandbox) -> bool:
    """Whether an interpreter starts in it."""
    command = [*sandbox.prefix, sys.executable, "-c", "import sqlite3, ssl"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _unshare() -> Sandbox | None:
    program = shutil.which("unshare")
    if program is None:
        return None
    return Sandbox("unshare", (program, "--user", "--map-current-user", "--net", "--"))


def _bubblewrap(store: Path, home: Path) -> Sandbox | None:
    program = shutil.which("bwrap")
    if program is None:
        return None
    shown = [word for path in _shown() for word in ("--ro-bind", path, path)]
    return Sandbox(
        "bubblewrap",
        (
            program,
            *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108 - in a namespace of its own
            *shown,
            *_links(),
            # Where the home lies within something shown, it is covered; then the store is shown in its place.
            *("--tmpfs", str(home), "--bind", str(store), str(store), "--chdir", "/"),
            "--",
        ),
    )


def _shown() -> list[str]:
    """The folders and files that an interpreter with our libraries needs, outer ones first."""
    program = str(Path(sys.executable).resolve().parent)
    path = [*sys.path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, program, *path]
    found = {os.path.realpath(p) for p in own if p} | {p for p in own if p}
    real = [p for p in (*found, *_SYSTEM) if Path(p).exists() and not Path(p).is_symlink() and p != "/"]
    return list(_outermost(sorted(set(real))))


def _outermost(paths: Sequence[str]) -> Iterator[str]:
    """Sorted paths without those that lie below another."""
    last = None
    for path in paths:
        if last is None or not path.startswith(last + "/"):
            last = path
            yield path


def _links() -> list[str]:
    """`/lib` and its like, where they are links into `/usr`."""
    links = [p for p in _SYSTEM if Path(p).is_symlink()]
    return [word for p in links for word in ("--symlink", str(Path(p).readlink()), p)]
