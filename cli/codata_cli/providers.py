"""What commands that work on providers have: `--on` and its like, and the account of what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli.output import note, size, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from codata.execute.account import Account, Cost, StageCost
    from codata.execute.assign import Wish
    from codata.execute.providers import Providers
    from codata.home import Home

OnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="URL",
        help="A provider; may be repeated. `configured`: as in config.toml; `routed`: as routing finds.",
    ),
]
PreferOption = Annotated[
    str, typer.Option("--prefer", metavar="time|price", help="What decides where bytes do not.")
]
DeadlineOption = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0,
        metavar="SECONDS",
        help="Move more bytes where that is needed to be done by then.",
    ),
]
NoHomeOption = Annotated[bool, typer.Option("--no-home", help="Never run here what no provider can run.")]
AuditOption = Annotated[
    str | None,
    typer.Option("--audit", metavar="SHARE", help="Run this share of tasks twice, such as 2%, and compare."),
]
PatienceOption = Annotated[
    float,
    typer.Option("--patience", min=1, metavar="SECONDS", help="How long a provider may get nowhere."),
]


def wish(prefer: str, deadline: float | None) -> Wish:
    """What the options want of a placement."""
    import math

    from cid_store.errors import UsageError
    from codata.execute.assign import Wish

    if prefer == "time":
        return Wish("time", math.inf if deadline is None else deadline)
    if prefer == "price":
        return Wish("price", math.inf if deadline is None else deadline)
    raise UsageError(f"--prefer {prefer!r} is neither time nor price")


def share(text: str | None) -> float:
    """The share of `--audit`: 2%, 0.02, 100%."""
    from codata.verify.sample import parse_share

    if text is None:
        return 0.0
    return 1.0 if text in ("100%", "1") else float(parse_share(text))


def providers(
    home: Home,
    on: Sequence[str],
    roots: Sequence[CID],
    *,
    wanted: Wish,
    no_home: bool = False,
    audit: str | None = None,
    patience: float = 300,
    workers: int | None = None,
) -> Providers:
    """The executor that the options name; `roots` are the datasets whose holders `routed` asks for."""
    from codata.execute.attempts import Bounds
    from codata.execute.providers import Providers
    from codata.execute.terms import Terms
    from codata.remote.find import providers_of

    urls = providers_of(on, home.config, roots)
    terms = Terms(wanted, Bounds(patience), not no_home, share(audit), workers)
    return Providers(home, urls, terms, tell)


def bring_dataset(home: Home, on: Sequence[str], ref: str) -> None:
    """Bring a dataset's records home where only providers hold them: its shards stay where they are."""
    from cid_store.cid import CID
    from cid_store.errors import InvalidCID
    from codata.remote.find import providers_of
    from codata.remote.records import bring_manifest

    try:
        cid = CID(ref)
    except InvalidCID:
        return  # a name, which stands for what is here
    if not home.store.has(cid):
        bring_manifest(home, providers_of(on, home.config, [cid]), cid)


def tell(text: str) -> None:
    """Something that went wrong at a provider, over a line that may be half drawn."""
    note(("\r\x1b[K" if sys.stderr.isatty() else "") + f"warning: {text}")


def account_text(account: Account) -> str:
    """Who did what, and what was predicted beside what came."""
    from codata.execute.account import price_text

    rows = [
        (p.url, p.word, p.tasks, f"{p.cpu_seconds:.1f}", size(p.bytes_sent), price_text(p.price))
        for p in account.providers
    ]
    if account.at_home:
        rows.append(("this home", "good", account.at_home, "", "", ""))
    text = table(["provider", "state", "tasks", "CPU s", "sent to it", "price"], rows)
    if account.stages:
        text += "\n\n" + _stages_text(account.stages)
    if account.predicted is not None:
        kinds = (("predicted", account.predicted), ("actual", account.actual))
        costs = [
            (k, f"{c.seconds:.1f}", price_text(c.price), size(c.bytes_moved), size(c.bytes_fetched))
            for k, c in kinds
        ]
        text += "\n\n" + table(["", "seconds", "price", "moved", "fetched"], costs)
    for provider in account.false:
        text += f"\n{provider.url} was found false; nothing that it did is used"
    return text


def _stages_text(stages: Sequence[StageCost]) -> str:
    """Each stage as it was predicted, and as it came."""
    from codata.execute.account import price_text

    def cells(cost: Cost | None) -> tuple[str, str, str]:
        return (f"{cost.seconds:.1f}", price_text(cost.price), size(cost.bytes_moved)) if cost else ("-",) * 3

    rows = [
        (stage.name, *chain.from_iterable(zip(cells(stage.predicted), cells(stage.actual), strict=True)))
        for stage in stages
    ]
    head = [f"{what}{more}" for what in ("seconds", "price", "moved") for more in (" predicted", "")]
    return table(["stage", *head], rows)


def account_value(account: Account) -> dict[str, Any]:
    """The account as keys of a command's JSON; none without providers."""
    return dict(account.to_value())
