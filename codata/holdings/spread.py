"""Where copies go: a pure function of pieces, providers and what they hold already.

Who holds a piece keeps it, so that nothing is moved without need. Further copies go by rendezvous hashing:
each provider has a number for each piece, and those with the highest get it. So a provider that joins or
leaves changes the places of its own share of the pieces and of no other.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence

from cid_store.cid import CID
from codata.holdings.ask import Flags


def spread(pieces: Sequence[CID], providers: Sequence[str], held: Flags, copies: int) -> Flags:
    """Who should hold what, for each provider (row) and piece (column); `held` is who does.

    `providers` are lasting names of theirs, as DIDs are. Where they are fewer than `copies`, all get it.
    """
    wanted = held.copy()
    keys = [hashlib.sha256(name.encode()).digest() for name in providers]
    for column, cid in enumerate(pieces):
        lacking = copies - int(held[:, column].sum())
        if lacking <= 0:
            continue
        name = cid.multihash
        rest = [
            (hashlib.sha256(key + name).digest(), row)
            for row, key in enumerate(keys)
            if not held[row, column]
        ]
        for _, row in heapq.nlargest(lacking, rest):
            wanted[row, column] = True
    return wanted
