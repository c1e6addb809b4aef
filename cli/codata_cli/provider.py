"""Commands on providers: serve."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import note


def register(app: typer.Typer) -> None:
    """Add these commands."""
    provider = typer.Typer(help="Hand out what this home's store holds.", no_args_is_help=True)
    provider.command("serve")(serve)
    provider.callback()(_group)
    app.add_typer(provider, name="provider")


def _group() -> None:
    """Keep `serve` a command of its own while it is the only one."""


def serve(
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Where to listen. Default: 127.0.0.1:8080."),
    ] = None,
    announce: Annotated[
        list[str] | None,
        typer.Option("--announce", metavar="URL", help="Where others reach it; may be repeated."),
    ] = None,
    page: Annotated[bool | None, typer.Option("--page/--no-page", help="Show names and runs at /.")] = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Answer for blocks, CARs and what is held, until told to stop.

    Settings are in the table [provider] of the home's config.toml; flags count before them.
    """
    from cid_store.errors import UsageError

    try:
        from codata.provider.server import serve as run
        from codata.provider.settings import Settings
    except ModuleNotFoundError as e:
        raise UsageError(
            f"{e.name} is not installed", next_step="pip install 'codata-pipeline[provider]'"
        ) from None
    with session(home, json, store) as (opened, out):
        settings = Settings.load(
            opened.config, {"listen": listen, "announce": announce or None, "page": page}
        )
        if not settings.address.is_loopback:
            note("whoever reaches this address can read all that the store holds")

        def listening(url: str) -> None:
            out.result({"url": url, "did": opened.identity.did}, f"listening at {url}")
            sys.stdout.flush()

        run(opened, settings, listening)
