"""Hosts of their own on this machine: network namespaces around a switch, with links that can be slow or cut.

For root on Linux with `ip` and `tc`; a test is skipped, with the reason, where these can't be had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

_NET = "10.77.0"


@dataclass(frozen=True)
class Host:
    """A namespace, its address, and its link's end at the switch."""

    name: str
    address: str
    port: str
    switch: str

    def command(self, *arguments: object) -> list[str]:
        """A command that runs on this host."""
        return ["ip", "netns", "exec", self.name, *map(str, arguments)]

    def cut(self) -> None:
        """Nothing gets through any more."""
        _ip("-n", self.switch, "link", "set", self.port, "down")

    def heal(self) -> None:
        """All gets through again."""
        _ip("-n", self.switch, "link", "set", self.port, "up")

    def slow(self, rate: str) -> None:
        """So much gets through to the host and from it, such as `2mbit`."""
        for namespace, device in ((self.switch, self.port), (self.name, "eth0")):
            shape = ["root", "tbf", "rate", rate, "burst", "16kb", "latency", "200ms"]
            _run("tc", "-n", namespace, "qdisc", "replace", "dev", device, *shape)


@contextmanager
def hosts(count: int) -> Iterator[Sequence[Host]]:
    """So many hosts on one network, which nothing else is on."""
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            pytest.skip(f"no `{program}` at hand")
    mark = f"codata{os.getpid()}"
    switch = f"{mark}sw"
    with ExitStack() as stack:
        try:
            _namespace(stack, switch)
            _ip("-n", switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", switch, "link", "set", "br0", "up")
            made = []
            for number in range(count):
                host = Host(f"{mark}h{number}", f"{_NET}.{number + 1}", f"port{number}", switch)
                _namespace(stack, host.name)
                _link(host)
                made.append(host)
            made[0].slow("1gbit")
        except subprocess.CalledProcessError as e:
            pytest.skip(f"no network namespaces with shaped links here: {e.stderr.decode().strip()}")
        yield made


def _namespace(stack: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False, capture_output=True)
    _ip("-n", name, "link", "set", "lo", "up")


def _link(host: Host) -> None:
    peer = ["peer", "name", "eth0", "netns", host.name]
    _ip("-n", host.switch, "link", "add", host.port, "type", "veth", *peer)
    _ip("-n", host.switch, "link", "set", host.port, "master", "br0", "up")
    _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip("-n", host.name, "link", "set", "eth0", "up")


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
