"""Putting a provider's word to the test: random blocks of what it says it holds, fetched and hashed.

Blocks are drawn by bytes, with replacement, from fresh randomness, after the provider has said what it holds.
Who lacks a share d of those bytes is found out by n draws with probability 1 - (1 - d)^n. What is shown is
that the provider could give these blocks at this time, and the nodes that lead to them; not where it had them
from.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from cid_store.cid import CID, DAG_PB
from cid_store.codecs import dag_pb
from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    CorruptBlock,
    DecodeError,
    LimitExceeded,
)
from codata.holdings.ask import Holder
from codata.holdings.parts import Parts, Piece
from codata.provider.held import MAX_DEPTH
from codata.remote.client import Client

SAMPLE: Final = 44
"""Draws a provider, unless told otherwise: who lacks a tenth is found out with 99%."""

_AT_ONCE: Final = 8  # blocks on their way from one provider
_CONFIDENCE: Final = 0.99

Verdict = Literal["given", "missing", "wrong", "unanswered"]


@dataclass(frozen=True, slots=True)
class Draw:
    """One block that was asked for, of which piece, and what came. `why`: what is known beyond that."""

    piece: CID
    block: CID
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class Challenge:
    """What became of one provider's draws; none where it claims nothing or could not be asked."""

    url: str
    draws: tuple[Draw, ...]
    error: CidStoreError | None = None

    @property
    def false(self) -> list[Draw]:
        """Blocks that the provider says it holds and did not give, or gave wrong."""
        return [draw for draw in self.draws if draw.verdict in ("missing", "wrong")]

    @property
    def answered(self) -> int:
        """How many draws say something."""
        return sum(draw.verdict != "unanswered" for draw in self.draws)

    @property
    def detects(self) -> float | None:
        """The smallest share of lacking bytes that this sample finds with 99%; None without an answer."""
        return detects(self.answered) if self.answered else None


def detects(draws: int, confidence: float = _CONFIDENCE) -> float:
    """The smallest share that so many draws find with this confidence."""
    return 1 - math.pow(1 - confidence, 1 / draws)


def probability(draws: int, share: float) -> float:
    """How likely so many draws find that a share is lacking."""
    return 1 - math.pow(1 - share, draws)


def challenge(
    parts: Parts,
    holder: Holder,
    client: Client,
    sample: int = SAMPLE,
    rng: random.Random | None = None,
) -> Challenge:
    """Ask for `sample` blocks of what `holder` claims, and for the nodes above them. `rng`: by default the
    system's own randomness."""
    if holder.error is not None:
        return Challenge(holder.url, (), holder.error)
    claimed = [piece for piece, held in zip(parts.pieces, holder.pieces, strict=True) if held]
    if not claimed:
        return Challenge(holder.url, ())
    rng = rng or random.SystemRandom()
    drawn = [(piece, rng.random()) for piece in _draw(claimed, sample, rng)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        draws = pool.map(lambda draw: _try(draw[0], client, draw[1]), drawn)
        return Challenge(holder.url, tuple(draws))


def _draw(claimed: Sequence[Piece], sample: int, rng: random.Random) -> list[CID]:
    ends = list(accumulate(piece.size for piece in claimed))
    return [claimed[bisect_right(ends, rng.randrange(ends[-1]))].cid for _ in range(sample)]


def _try(piece: CID, client: Client, where: float) -> Draw:
    """Draw a block of a piece by its bytes, `where` in [0, 1) of them, and fetch it from the provider, node
    by node from the piece's root on: from this provider alone, since any other could answer in its place.
    """
    block = piece
    try:
        for _ in range(MAX_DEPTH):
            below = _below(block, client.blocks.get(block))
            if not below:
                break
            ends = list(accumulate(size for _, size in below))
            at = where * ends[-1]
            chosen = min(bisect_right(ends, at), len(below) - 1)
            block, size = below[chosen]
            where = (at - (ends[chosen] - size)) / size
    except BlockNotFound:
        return Draw(piece, block, "missing", "it says that it does not hold this block")
    except (CorruptBlock, LimitExceeded) as e:
        return Draw(piece, block, "wrong", e.message)
    except CidStoreError as e:
        return Draw(piece, block, "unanswered", e.message)
    return Draw(piece, block, "given")


def _below(block: CID, data: bytes | memoryview) -> list[tuple[CID, int]]:
    """What a proven block links to, with bytes as it states them; nothing for one that holds content, or that
    follows no format: that is not its holder's fault."""
    if block.codec != DAG_PB:
        return []
    try:
        return [(link.hash, max(link.tsize or 0, 1)) for link in dag_pb.decode(data).links]
    except (DecodeError, LimitExceeded):
        return []
