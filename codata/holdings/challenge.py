"""Putting a provider's word to the test: random blocks of what it says it holds, fetched and hashed.

Blocks are drawn by bytes, with replacement, from fresh randomness, after the provider has said what it holds.
Who lacks a share d of those bytes is found out by n draws with probability 1 - (1 - d)^n. What is shown is
that the provider could give these blocks at this time; not where it had them from.
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

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    CorruptBlock,
    DecodeError,
    LimitExceeded,
)
from codata.holdings.ask import Holder
from codata.holdings.parts import Parts, Piece, leaves
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
    store: Store,
    sample: int = SAMPLE,
    rng: random.Random | None = None,
) -> Challenge:
    """Ask for `sample` blocks of what `holder` claims. In `store` are the nodes that say which blocks there
    are. `rng`: by default the system's own randomness."""
    if holder.error is not None:
        return Challenge(holder.url, (), holder.error)
    claimed = [piece for piece, held in zip(parts.pieces, holder.pieces, strict=True) if held]
    if not claimed:
        return Challenge(holder.url, ())
    rng = rng or random.SystemRandom()
    drawn = [(piece, rng.random()) for piece in _draw(claimed, sample, rng)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        draws = pool.map(lambda draw: _try(draw[0], client, store, draw[1]), drawn)
        return Challenge(holder.url, tuple(draws))


def _draw(claimed: Sequence[Piece], sample: int, rng: random.Random) -> list[CID]:
    ends = list(accumulate(piece.size for piece in claimed))
    return [claimed[bisect_right(ends, rng.randrange(ends[-1]))].cid for _ in range(sample)]


def _try(piece: CID, client: Client, store: Store, where: float) -> Draw:
    """Draw a block of a piece by its bytes, `where` in [0, 1) of them, and fetch it from the provider."""
    block = piece
    try:
        blocks = leaves(store, piece)
        ends = list(accumulate(size for _, size in blocks))
        block = blocks[bisect_right(ends, int(where * ends[-1]))][0]
        # From this provider alone, and proven: a store that has it would answer in its place.
        client.blocks.get(block)
    except BlockNotFound as e:
        return Draw(piece, CID(e.cid or block), "missing", "it says that it does not hold this block")
    except (CorruptBlock, LimitExceeded, DecodeError) as e:
        return Draw(piece, block, "wrong", e.message)
    except CidStoreError as e:
        return Draw(piece, block, "unanswered", e.message)
    return Draw(piece, block, "given")
