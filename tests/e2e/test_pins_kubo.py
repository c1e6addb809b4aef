"""Kubo as a client of the pinning service: `ipfs pin remote`."""

from __future__ import annotations

from pathlib import Path

from cid_store.cid import CID, RAW
from codata.provider.pins import accounts
from codata.provider.settings import Settings
from tests import kubo
from tests.unit.gateway_serving import serving


def test_kubo_pins_lists_and_unpins(tmp_path: Path) -> None:
    ipfs = kubo.Daemon("", kubo.repository(tmp_path), kubo.program())
    with serving(tmp_path / "provider", Settings(listen="127.0.0.1:0")) as provider:
        token = accounts.issue(provider.home, "kubo")
        held, absent = provider.home.store.put(b"held"), CID.make(RAW, b"absent")
        ipfs.run("pin", "remote", "service", "add", "codata", provider.url, token)
        added = ipfs.run("pin", "remote", "add", "--service=codata", "--name=a name", held)
        assert b"Status: pinned" in added
        ipfs.run("pin", "remote", "add", "--service=codata", "--background", absent)
        every = "--status=queued,pinning,pinned,failed"
        listed = ipfs.run("pin", "remote", "ls", "--service=codata", every).decode()
        assert {line.split("\t")[0] for line in listed.splitlines()} == {held, absent}
        named = ipfs.run("pin", "remote", "ls", "--service=codata", "--name=a name", f"--cid={held}").decode()
        assert named.split() == [held, "pinned", "a", "name"]
        ipfs.run("pin", "remote", "rm", "--service=codata", f"--cid={held}")
        left = ipfs.run("pin", "remote", "ls", "--service=codata", every).decode()
        assert left.split("\t")[0] == absent
