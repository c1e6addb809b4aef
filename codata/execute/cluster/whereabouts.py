"""Which worker holds what, as far as they were asked; and where tasks should go by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from cid_store.cid import CID
from codata.execute.cluster.shelf import NOT_HELD
from codata.execute.needs import Need
from codata.placement import HeldBits, Place, Problem, place

SECONDS_A_BYTE: Final = 2e-8
"""Of a task's work, where places compare by when they are done: 50 MB a second."""


class Whereabouts:
    """Inputs, their bytes, and the addresses that hold them."""

    def __init__(self) -> None:
        self._holders: dict[CID, set[str]] = {}
        self._sizes: dict[CID, int] = {}
        self._there: set[str] = set()

    def unknown(self, cids: Iterable[CID]) -> list[CID]:
        """Those that nobody was asked about, each once."""
        return [cid for cid in dict.fromkeys(cids) if cid not in self._holders]

    def learn(self, cids: Sequence[CID], answers: Mapping[str, Sequence[int]]) -> None:
        """Keep the workers' answers: bytes or `NOT_HELD` for each of `cids`."""
        for at, cid in enumerate(cids):
            known = self._holders.setdefault(cid, set())
            for address, sizes in answers.items():
                if sizes[at] != NOT_HELD:
                    known.add(address)
                    self._sizes[cid] = sizes[at]

    def add(self, cid: CID, address: str) -> None:
        """From now on this address holds it, whoever else may."""
        self._holders.setdefault(cid, set()).add(address)

    def measure(self, cid: CID, size: int) -> None:
        """Its bytes."""
        self._sizes[cid] = size

    def forget(self, cids: Iterable[CID]) -> None:
        """Ask again about these."""
        for cid in cids:
            self._holders.pop(cid, None)

    def keep(self, addresses: Iterable[str]) -> None:
        """Only these are there now. Where somebody is new, everything is asked again."""
        there = set(addresses)
        if there - self._there:
            self._holders.clear()
        for holders in self._holders.values():
            holders &= there
        self._there = there

    def holders(self, cid: CID) -> list[str]:
        """Who holds it."""
        return sorted(self._holders.get(cid, ()))

    def size(self, cid: CID) -> int | None:
        """Its bytes, where they are known."""
        return self._sizes.get(cid)


def best(needs: Sequence[Need], where: Whereabouts, threads: Mapping[str, int]) -> dict[CID, list[str]]:
    """For each task the workers that should run it: all that hold what it reads, or the one that lacks least.

    `threads`: of each worker. Of equals, Dask takes the one that is free first.
    """
    addresses = sorted(threads)
    inputs = list(dict.fromkeys(cid for need in needs for cid in need.inputs))
    number = {cid: i for i, cid in enumerate(inputs)}
    held = HeldBits(len(inputs), len(addresses))
    for cid, i in number.items():
        for address in where.holders(cid):
            if address in threads:
                held.add(np.array([i]), addresses.index(address))
    reads = [[number[cid] for cid in need.inputs] for need in needs]
    sizes = np.array([where.size(cid) or 0 for cid in inputs], np.int64)
    bytes_read = np.array([sizes[read].sum() for read in reads], np.float64)
    found = place(
        Problem(
            places=[Place(address, threads[address]) for address in addresses],
            sizes=sizes,
            starts=np.cumsum([0, *map(len, reads)]).astype(np.int64),
            inputs=np.array([i for read in reads for i in read], np.int64),
            seconds=bytes_read * SECONDS_A_BYTE,
            traffic=bytes_read,
            held=held,
            kinds=np.zeros(len(needs), np.int64),
            allowed=np.ones((1, len(addresses)), np.bool_),
        )
    )
    chosen = {}
    for need, at in zip(needs, found.place.tolist(), strict=True):
        whole = [a for a in addresses if need.inputs and all(a in where.holders(c) for c in need.inputs)]
        chosen[need.cid] = whole or [addresses[at]]
    return chosen
