"""Commands on providers: serve, token, copies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import note, size, table


def register(app: typer.Typer) -> None:
    """Add these commands."""
    provider = typer.Typer(help="Serve what this home holds, and run tasks beside it.", no_args_is_help=True)
    provider.command("serve")(serve)
    provider.command("token")(token)
    provider.command("copies")(copies)
    app.add_typer(provider, name="provider")


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
    with _installed():
        from codata.provider.server import serve as run
        from codata.provider.settings import Settings
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


def token(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Who is to have it. Without one: the accounts.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End the account and let go of its pins.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Give an account a token for the pinning service; one that it had before counts no more.

    It is shown this once: only its hash is kept.
    """
    from cid_store.errors import UsageError

    with _installed():
        from codata.provider.pins import accounts
    with session(home, json, store) as (opened, out):
        if account is None:
            if remove:
                raise UsageError("--remove needs an account", next_step="`codata provider token` lists them")
            names = accounts.names(opened)
            out.result({"accounts": names}, "\n".join(names) or "there are no accounts yet")
        elif remove:
            pins = accounts.remove(opened, account)
            out.result({"account": account, "pins": pins}, f"{account} is removed, with {pins} pins")
        else:
            issued = accounts.issue(opened, account)
            note("this token is not shown again")
            out.result({"account": account, "token": issued}, issued)


def copies(
    did: Annotated[
        str | None, typer.Argument(metavar="[DID]", help="Whose copies. Without one: everybody's.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Let go of all copies of this DID.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """The copies that others have pushed here: whose, of what, and how many bytes they count for."""
    from cid_store.errors import UsageError

    with session(home, json, store) as (opened, out):
        if remove:
            if did is None:
                raise UsageError("--remove needs a DID", next_step="`codata provider copies` lists them")
            gone = sum(
                opened.kept.drop_copy(did, root) for owner, root, _ in opened.kept.copies() if owner == did
            )
            out.result(
                {"did": did, "removed": gone}, f"{gone} copies of {did} are let go; `codata gc` frees them"
            )
            return
        found = [copy for copy in opened.kept.copies() if did in (None, copy[0])]
        value = [{"did": owner, "root": root, "bytes": count} for owner, root, count in found]
        rows = [(owner, root, size(count)) for owner, root, count in found]
        text = table(["did", "root", "size"], rows) if rows else "there are no copies here"
        out.result({"copies": value}, text)


@contextmanager
def _installed() -> Iterator[None]:
    """Say how to install what a provider needs, where it is missing."""
    from cid_store.errors import UsageError

    try:
        yield
    except ModuleNotFoundError as e:
        raise UsageError(
            f"{e.name} is not installed", next_step="pip install 'codata-pipeline[provider]'"
        ) from None
