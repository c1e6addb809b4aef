"""What holdings look like: values for --json, text for people, and the exit code that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codata_cli.output import size, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from cid_store.errors import CidStoreError
    from codata.holdings.ask import Holder, Holdings
    from codata.holdings.challenge import Challenge
    from codata.holdings.push import Copies, Place

_SHOWN = 5  # pieces or draws; --json has all


def code(held: Holdings) -> int:
    """4 where nobody holds a part, 5 where somebody could not be asked."""
    if held.nowhere or not any(holder.records for holder in held.holders):
        return 4
    return 5 if any(holder.error for holder in held.holders) else 0


def _fault(error: CidStoreError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": error.kind, "message": error.message, "next": error.next_step or None}


# -- where ---------------------------------------------------------------------------------------------------


def where_value(held: Holdings) -> dict[str, Any]:
    """Who says to hold how much of a root, and what nobody does."""
    copies = held.copies
    return {
        "root": held.parts.root,
        "shards": len(held.parts.pieces),
        "bytes": held.parts.size,
        "fewest_copies": int(copies.min()) if copies.size else None,
        "nowhere": held.nowhere,
        "providers": [
            {
                "url": holder.url,
                "did": holder.did or None,
                "records": holder.records,
                "shards": int(holder.pieces.sum()),
                "bytes": holder.size(held.parts),
                "error": _fault(holder.error),
            }
            for holder in held.holders
        ],
    }


def where_text(held: Holdings) -> str:
    """The same, for people."""
    value = where_value(held)
    rows = [_where_row(held, holder) for holder in held.holders]
    lines = [
        f"{value['shards']} shards, {size(value['bytes'])}",
        table(["provider", "shards", "size", "records"], rows),
        f"fewest copies of a shard: {value['fewest_copies']}",
    ]
    if held.nowhere:
        lines.append(f"held by none of them: {len(held.nowhere)}: {_some(held.nowhere)}")
    lines += [f"{url} is the provider at {known}: both are one copy" for url, known in held.aliases]
    return "\n".join(lines + _errors([(holder.url, holder.error) for holder in held.holders]))


def _where_row(held: Holdings, holder: Holder) -> tuple[Any, ...]:
    if holder.error is not None:
        return (holder.url, None, None, None)
    return (holder.url, int(holder.pieces.sum()), size(holder.size(held.parts)), holder.records)


def _errors(found: Sequence[tuple[str, CidStoreError | None]]) -> list[str]:
    return [
        error.message if url in error.message else f"{url}: {error.message}" for url, error in found if error
    ]


def _some(cids: Sequence[CID]) -> str:
    return ", ".join(cids[:_SHOWN]) + (", …" if len(cids) > _SHOWN else "")


# -- pin -----------------------------------------------------------------------------------------------------


def spread_value(done: Copies) -> dict[str, Any]:
    """Where copies are now, what was sent, and which providers failed."""
    return {
        "root": done.parts.root,
        "shards": len(done.parts.pieces),
        "copies": done.wanted,
        "fewest_copies": done.fewest,
        "bytes": sum(place.sent for place in done.places),
        "providers": [
            {
                "url": place.url,
                "shards": int(place.now.sum()),
                "had": int(place.before.sum()),
                "bytes": place.sent,
                "error": _fault(place.error),
            }
            for place in done.places
        ],
    }


def spread_text(done: Copies) -> str:
    """The same, for people."""
    rows = [_spread_row(place) for place in done.places]
    words = "each shard is" if done.done else f"of {done.wanted} copies asked for, some shards are"
    lines = [
        table(["provider", "shards", "had", "sent"], rows),
        f"{words} on {done.fewest} of {len(done.places)} providers",
    ]
    return "\n".join(lines + _errors([(place.url, place.error) for place in done.places]))


def _spread_row(place: Place) -> tuple[Any, ...]:
    return (place.url, int(place.now.sum()), int(place.before.sum()), size(place.sent))


# -- check ---------------------------------------------------------------------------------------------------


def check_value(held: Holdings, made: Sequence[Challenge], draws: int) -> dict[str, Any]:
    """What became of `draws` blocks asked of each provider, and what that shows."""
    return {
        **where_value(held),
        "sample": draws,
        "ok": not any(one.false for one in made) and not code(held),
        "providers": [
            {
                "url": one.url,
                "shards": int(holder.pieces.sum()),
                "bytes": holder.size(held.parts),
                "asked": len(one.draws),
                "given": sum(draw.verdict == "given" for draw in one.draws),
                "unanswered": len(one.draws) - one.answered,
                "detects": one.detects,
                "false": [
                    {"shard": draw.piece, "block": draw.block, "verdict": draw.verdict, "why": draw.why}
                    for draw in one.false
                ],
                "error": _fault(one.error),
            }
            for one, holder in zip(made, held.holders, strict=True)
        ],
    }


def check_text(held: Holdings, made: Sequence[Challenge]) -> str:
    """The same, for people."""
    lines = []
    for one, holder in zip(made, held.holders, strict=True):
        if one.error is not None:
            lines += _errors([(one.url, one.error)])
        elif not one.draws:
            lines.append(f"{one.url}: says that it holds none of it")
        else:
            lines += _check_lines(one, int(holder.pieces.sum()), holder.size(held.parts))
    if held.nowhere:
        lines.append(f"held by none of them: {len(held.nowhere)}: {_some(held.nowhere)}")
    lines += [f"{url} is the provider at {known}: both are one copy" for url, known in held.aliases]
    return "\n".join(lines)


def _check_lines(one: Challenge, shards: int, total: int) -> list[str]:
    given = sum(draw.verdict == "given" for draw in one.draws)
    lines = [f"{one.url}: gave {given} of {len(one.draws)} blocks of {shards} shards, {size(total)}"]
    if one.false:
        lines.append("  it does not hold what it says that it holds:")
        lines += [f"  {draw.block} of {draw.piece}: {draw.why}" for draw in one.false[:_SHOWN]]
    elif one.detects is not None:
        lines.append(f"  one that lacks {one.detects:.1%} of these bytes or more is found out with 99%")
    if one.answered < len(one.draws):
        lines.append(f"  {len(one.draws) - one.answered} blocks were not answered for")
    return lines
