"""Copies at providers: spreading them, saying where they are, checking that they are there, letting go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, size, table
from codata_cli.providers import OnOption
from codata_cli.sending import Line

if TYPE_CHECKING:
    from cid_store.cid import CID
    from cid_store.errors import CidStoreError
    from codata.holdings.ask import Holder, Holdings
    from codata.holdings.challenge import Challenge
    from codata.holdings.push import Copies, Place
    from codata.home import Home

_COPIES = 2
_SHOWN = 5  # pieces or draws; --json has all


def is_provider(url: str) -> bool:
    """Whether a URL names a provider, and not a store or a pinning service."""
    return url.startswith(("http://", "https://")) or url in ("configured", "routed")


def where(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A dataset, or anything else by name or CID.")],
    on: OnOption = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Which provider says that it holds which shards, and what nobody holds.

    Exit code 4 if nobody holds a part, 5 if a provider could not be asked. Without --on, the providers of
    config.toml are asked, and those that its routing finds. `codata check REF --remote` puts their word to
    the test.
    """
    from codata.holdings.ask import ask, clients, reach
    from codata.holdings.parts import parts

    with session(home, json, store) as (opened, out):
        root = opened.resolve(ref)
        urls = _urls(opened, on, root)
        with clients(opened, urls) as asked, reach(opened, urls) as within:
            held = ask(parts(within, root), asked)
        out.result(_where_value(held), _where_text(held))
        return _code(held)


def spread(home: Home, out: Output, root: CID, to: Sequence[str], copies: int | None) -> int:
    """Have each shard on so many of these providers."""
    from cid_store.errors import UsageError
    from codata.holdings.ask import clients, reach
    from codata.holdings.parts import parts
    from codata.holdings.push import push

    urls = _urls(home, to, root)
    wanted = min(_COPIES, len(urls)) if copies is None else copies
    if wanted > len(urls):
        raise UsageError(
            f"{wanted} copies need as many providers, and {len(urls)} are named",
            next_step="name more with --to",
        )
    line = Line(shown=sys.stderr.isatty() and not out.json)
    with clients(home, urls) as asked, reach(home, urls) as within:
        try:
            done = push(
                parts(within, root),
                within,
                asked,
                wanted,
                lambda sent, total: line.draw(f"sent {size(sent)} of {size(total)}"),
            )
        finally:
            line.end()
    out.result(_spread_value(done), _spread_text(done))
    return 0 if done.done else 5


def release(home: Home, out: Output, root: CID, at: str) -> None:
    """Let a provider's copy go."""
    from codata.errors import UnknownName
    from codata.holdings.ask import clients

    with clients(home, _urls(home, [at], root)) as asked:
        released = [client.url for client in asked if client.release(root)]
    if not released:
        raise UnknownName(
            f"this home keeps no copy of {root} at {at}",
            cid=root,
            next_step="`codata where` says who holds it",
        )
    out.result({"root": root, "at": released}, f"{', '.join(released)} need not keep {root} any more")


def check(home: Home, out: Output, root: CID, on: Sequence[str] | None, sample: int | None) -> int:
    """Ask who says that they hold something for random blocks of it."""
    from codata.holdings.ask import ask, clients, reach
    from codata.holdings.challenge import SAMPLE, challenge
    from codata.holdings.parts import parts

    urls = _urls(home, on, root)
    draws = sample or SAMPLE
    with clients(home, urls) as asked, reach(home, urls) as within:
        held = ask(parts(within, root), asked)
        made = [
            challenge(held.parts, holder, client, within, draws)
            for holder, client in zip(held.holders, asked, strict=True)
        ]
    out.result(_check_value(held, made, draws), _check_text(held, made, draws))
    if any(one.false for one in made):
        return 3
    short = any(one.answered < draws for one, h in zip(made, held.holders, strict=True) if h.pieces.any())
    return _code(held) or (5 if short else 0)


def _urls(home: Home, on: Sequence[str] | None, root: CID) -> list[str]:
    from codata.remote.find import CONFIGURED, ROUTED, providers_of

    usual = [word for word, name in ((CONFIGURED, "providers"), (ROUTED, "routing")) if name in home.config]
    return providers_of(on or usual, home.config, [root])


def _code(held: Holdings) -> int:
    """4 where nobody holds a part, 5 where somebody could not be asked."""
    if held.nowhere or not any(holder.records for holder in held.holders):
        return 4
    return 5 if any(holder.error for holder in held.holders) else 0


def _fault(error: CidStoreError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": error.kind, "message": error.message, "next": error.next_step or None}


# -- where ---------------------------------------------------------------------------------------------------


def _where_value(held: Holdings) -> dict[str, Any]:
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
                "records": holder.records,
                "shards": int(holder.pieces.sum()),
                "bytes": holder.size(held.parts),
                "error": _fault(holder.error),
            }
            for holder in held.holders
        ],
    }


def _where_text(held: Holdings) -> str:
    value = _where_value(held)
    rows = [_where_row(held, holder) for holder in held.holders]
    lines = [
        f"{value['shards']} shards, {size(value['bytes'])}",
        table(["provider", "shards", "size", "records"], rows),
        f"fewest copies of a shard: {value['fewest_copies']}",
    ]
    if held.nowhere:
        lines.append(f"held by none of them: {len(held.nowhere)}: {_some(held.nowhere)}")
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


def _spread_value(done: Copies) -> dict[str, Any]:
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


def _spread_text(done: Copies) -> str:
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


def _check_value(held: Holdings, made: Sequence[Challenge], draws: int) -> dict[str, Any]:
    return {
        **_where_value(held),
        "sample": draws,
        "ok": not any(one.false for one in made) and not _code(held),
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


def _check_text(held: Holdings, made: Sequence[Challenge], draws: int) -> str:
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
