"""Copies at providers: spreading them, saying where they are, checking that they are there, letting go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from codata_cli import holdings
from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, size
from codata_cli.providers import OnOption
from codata_cli.sending import Line

if TYPE_CHECKING:
    from cid_store.cid import CID
    from codata.home import Home

_COPIES = 2


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
        out.result(holdings.where_value(held), holdings.where_text(held))
        return holdings.code(held)


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
    out.result(holdings.spread_value(done), holdings.spread_text(done))
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
            challenge(held.parts, holder, client, draws)
            for holder, client in zip(held.holders, asked, strict=True)
        ]
    out.result(holdings.check_value(held, made, draws), holdings.check_text(held, made))
    if any(one.false for one in made):
        return 3
    short = any(one.answered < draws for one, h in zip(made, held.holders, strict=True) if h.pieces.any())
    return holdings.code(held) or (5 if short else 0)


def _urls(home: Home, on: Sequence[str] | None, root: CID) -> list[str]:
    from codata.remote.find import CONFIGURED, ROUTED, providers_of

    usual = [word for word, name in ((CONFIGURED, "providers"), (ROUTED, "routing")) if name in home.config]
    return providers_of(on or usual, home.config, [root])
